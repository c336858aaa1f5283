"""Plans: what the question's grammar gives, and which proposed plans hold together."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.agents.plan import MAX_CHARS, MAX_LOOKUPS, Plan, parse, subject, usable

CHAINS = {
    "Where did the director of Salt Road die?": ("Who is the director of Salt Road?", "Where did #1 die?"),
    "Where was the place of death of the husband of the composer of film Two Lanterns?": (
        "Who is the composer of film Two Lanterns?",
        "Who is the husband of #1?",
        "Where was the place of death of #2?",
    ),
    "What nationality is the director of Salt Road?": (
        "Who is the director of Salt Road?",
        "What nationality is #1?",
    ),
    "When was Carla Rossi's mother born?": ("Who is the mother of Carla Rossi?", "When was #1 born?"),
    "Who is Louis, 2nd Count of Vendôme's father?": ("Who is the father of Louis, 2nd Count of Vendôme?",),
    "Who is Charles, Duke of Parma’s maternal grandmother?": (
        "Who is the mother of Charles, Duke of Parma?",
        "Who is the mother of #1?",
    ),
    "Who is the paternal grandfather of Anna of Holm?": (
        "Who is the father of Anna of Holm?",
        "Who is the father of #1?",
    ),
    "Who is Anna of Holm's father-in-law?": ("Who is the spouse of Anna of Holm?", "Who is the father of #1?"),
    "When is Carla Rossi's birthday?": ("When was Carla Rossi born?",),
}


@pytest.mark.parametrize("question", CHAINS)
def test_chains_possessives_and_kinship_become_steps(question: str) -> None:
    plan = parse(question)
    assert (plan.lookups, plan.combine, plan.options) == (CHAINS[question], "last", ())


COMPARISONS = {
    "Which film was released later, Grey Harbour or Two Lanterns?": (
        ("When was Grey Harbour released?", "When was Two Lanterns released?"),
        "later",
        ("Grey Harbour", "Two Lanterns"),
    ),
    "Who was born first, Lena Roth or Ivo Marek?": (
        ("When was Lena Roth born?", "When was Ivo Marek born?"),
        "earlier",
        ("Lena Roth", "Ivo Marek"),
    ),
    "Was Lena Roth or Ivo Marek born later?": (
        ("When was Lena Roth born?", "When was Ivo Marek born?"),
        "later",
        ("Lena Roth", "Ivo Marek"),
    ),
    "Who is younger out of Lena Roth and Ivo Marek?": (
        ("When was Lena Roth born?", "When was Ivo Marek born?"),
        "later",
        ("Lena Roth", "Ivo Marek"),
    ),
    "Which company was founded earlier, Alba or Zeno?": (
        ("When was Alba founded?", "When was Zeno founded?"),
        "earlier",
        ("Alba", "Zeno"),
    ),
    "Which film has the director who died first, Salt Road or Grey Harbour?": (
        (
            "Who is the director of Salt Road?",
            "Who is the director of Grey Harbour?",
            "When did #1 die?",
            "When did #2 die?",
        ),
        "earlier",
        ("Salt Road", "Grey Harbour"),
    ),
    "Are Lena Roth and Ivo Marek from the same country?": (
        ("Which country is Lena Roth from?", "Which country is Ivo Marek from?"),
        "same",
        ("Lena Roth", "Ivo Marek"),
    ),
    "Do the movies Salt Road and Grey Harbour have directors that share the same nationality?": (
        (
            "Who is the director of Salt Road?",
            "Who is the director of Grey Harbour?",
            "Which country is #1 from?",
            "Which country is #2 from?",
        ),
        "same",
        ("Salt Road", "Grey Harbour"),
    ),
}


@pytest.mark.parametrize("question", COMPARISONS)
def test_comparisons_look_up_both_sides(question: str) -> None:
    plan = parse(question)
    assert (plan.lookups, plan.combine, plan.options) == COMPARISONS[question]


@pytest.mark.parametrize(
    "question",
    [
        "How long is the river Oma?",
        "What is photosynthesis?",
        "Which is nicer, Ostra or Brno?",
        "Où est née la mère de Carla Rossi?",
        "¿Dónde nació Carla Rossi?",
        "萨尔路的导演在哪里去世?",
        "",
        "???",
        "x" * (MAX_CHARS + 1),
        "the a of " * 2000,
    ],
)
def test_a_question_that_fits_no_pattern_is_its_own_lookup(question: str) -> None:
    assert parse(question) == Plan(lookups=(question,))


PIECES = [
    "the ",
    "mother",
    " of ",
    "Who is ",
    "Are ",
    " and ",
    " or ",
    ", ",
    "’s ",
    "same country",
    "#1",
    "Ostra",
    "(",
    "?",
]


@settings(max_examples=150)
@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)))
def test_a_plan_is_made_of_any_text(text: str) -> None:
    plan = parse(text)
    assert 1 <= len(plan.lookups) <= 2 * MAX_LOOKUPS
    assert all(f"#{n}" not in lookup for n in range(1, 9) for lookup in plan.lookups[:1] if f"#{n}" not in text)
    assert len(plan.options) in (0, 2)
    subject(text)


SLOW = [
    "the a of ",
    "the mother of ",
    "A of ",
    "are a and b both ",
    "and directors ",
    "a or ",
    "’s ",
    "A, ",
    "9,",
    ", Count ",
]


@pytest.mark.parametrize("unit", SLOW)
def test_long_questions_cost_little(unit: str) -> None:
    for start in ("", "are a ", "Which is first, ", "Who is "):
        for length in (MAX_CHARS, 10_000):
            text = (start + unit * length)[:length]
            began = time.process_time()
            parse(text)
            subject(text)
            assert time.process_time() - began < 2.0  # what backtracks takes minutes


QUESTION = "Where did the director of film Salt Road die?"
GOOD = ("Who is the director of film Salt Road?", "Where did #1 die?")


def test_a_plan_in_the_questions_words_is_usable() -> None:
    assert usable(Plan(lookups=GOOD), QUESTION)
    compared = "Who is older, Lena Roth or Ivo Marek?"
    both = ("When was Lena Roth born?", "When was Ivo Marek born?")
    assert usable(Plan(lookups=both, combine="earlier"), compared)


BAD = {
    "none": (),
    "too many": (*GOOD, "Where?", "Where did?", "Where did #2 die?"),
    "twice the same": (GOOD[0], GOOD[0]),
    "reference to a later one": ("Where did #2 die?", GOOD[0]),
    "reference to itself": (GOOD[0], "Where did #2 die?"),
    "reference to nothing": (GOOD[0], "Where did #0 die?"),
    "unused answer": (GOOD[0], "Where did the director die?"),
    "words of its own": (GOOD[0], "Where did #1 marry?"),
    "a name of its own": ("Who is the director of film Grey Harbour?", "Where did #1 die?"),
    "a name left out": ("Who is the director of film Salt?", "Where did #1 die?"),
}


@pytest.mark.parametrize("lookups", BAD.values(), ids=BAD)
def test_a_plan_that_does_not_hold_together_is_not_usable(lookups: tuple[str, ...]) -> None:
    assert not usable(Plan(lookups=lookups), QUESTION)


def test_a_comparison_needs_two_open_ends() -> None:
    assert not usable(Plan(lookups=GOOD, combine="earlier"), QUESTION)
    assert not usable(Plan(lookups=("When was Lena Roth born?",), combine="later"), "Is Lena Roth or Ivo younger?")


@pytest.mark.parametrize(
    ("lookup", "about"),
    [
        ("Who is the director of film Salt Road?", "Salt Road"),
        ("Where did Carla Rossi die?", "Carla Rossi"),
        ("Who is the father of Louis, 2nd Count of Vendôme?", "Louis, 2nd Count of Vendôme"),
        ("When was The Road (1962 film) released?", "The Road (1962 film)"),
        ("What is photosynthesis?", "What is photosynthesis"),
        ("", ""),
    ],
)
def test_what_a_lookup_is_about(lookup: str, about: str) -> None:
    assert subject(lookup) == about
