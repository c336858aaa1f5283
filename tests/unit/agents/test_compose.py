"""From what lookups found to a cited answer."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.agents.compose import Found, Quote, best_sentences, compose, date_key, decide, opening, precedes
from fathom.agents.plan import Plan
from fathom.core.evidence import Evidence


def evidence(identity: str, title: str, text: str, start: int = 0) -> Evidence:
    return Evidence(
        id=identity,
        url=f"wiki/{title}",
        title=title,
        page_hash="0" * 64,
        start=start,
        end=start + len(text),
        text=text,
        fetched_at="2026-01-01T12:00:00Z",
    )


ROSSI = evidence(
    "E1", "Carla Rossi", "Carla Rossi was an Italian film director. She was born in Turin and died in Ostra."
)
OSTRA = evidence("E2", "Ostra (port)", "Ostra is a port on the northern coast. It has one lighthouse, built in 1884")
DIRECTED = "Who directed Salt Road?", "Where did #1 die?"


def found(answer: str, identity: str = "E1", sentence: str = "") -> Found:
    return Found(lookup="?", answer=answer, quotes=(Quote(text=sentence or f"It says {answer}.", evidence=identity),))


NOTHING = Found(lookup="?")


def test_a_span_is_quoted_with_the_nearest_sentence_that_holds_it() -> None:
    both = evidence("E3", "Ostra", "Ostra was named by Carla Rossi. In Ostra there died Carla Rossi.")
    (quote,) = Found.of_span("Where did Carla Rossi die?", "Turin", [OSTRA, ROSSI]).quotes
    assert quote == Quote(text="She was born in Turin and died in Ostra.", evidence="E1")
    (quote,) = Found.of_span("Where there died Carla Rossi?", "ostra", [both]).quotes
    assert quote.text == "In Ostra there died Carla Rossi."


@pytest.mark.parametrize("answer", ["", "Paris", "Turin and Rome"])
def test_what_no_sentence_holds_is_no_answer(answer: str) -> None:
    assert Found.of_span("Where?", answer, [ROSSI]) == Found(lookup="Where?")


@pytest.mark.parametrize(
    "lookup",
    ["What is Ostra?", "Describe Ostra", "¿Qué es Ostra?", "Qu'est-ce qu'Ostra ?", "Ostra是什么？"],
)
def test_what_something_is_begins_with_the_first_sentence_of_its_page(lookup: str) -> None:
    first = Quote(text="Ostra is a port on the northern coast.", evidence="E2")
    chosen = Found.of_sentences(lookup, ["She was born in Turin and died in Ostra."], [ROSSI, OSTRA])
    assert chosen.quotes == (first, Quote(text="She was born in Turin and died in Ostra.", evidence="E1"))
    assert Found.of_sentences(lookup, [first.text], [OSTRA]).quotes == (first,)
    assert Found.of_sentences(lookup, [], [OSTRA]).answer == first.text


def test_only_the_page_of_that_name_and_only_its_beginning_opens_an_answer() -> None:
    assert opening("What is Ostra?", [ROSSI]) is None
    assert opening("What is the coast near Ostra?", [OSTRA]) is None
    assert opening("What is Ostra?", [evidence("E9", "Ostra", "It has a port.", start=400)]) is None
    assert opening("What is?", [evidence("E9", "The", "The is a word.")]) is None


def test_best_sentences_are_the_nearest_in_the_order_of_the_text() -> None:
    assert best_sentences("lighthouse Turin", [ROSSI, OSTRA], most=2) == [
        "She was born in Turin and died in Ostra.",
        "It has one lighthouse, built in 1884",
    ]
    assert best_sentences("x", [], most=2) == []


def test_a_chain_is_answered_by_its_last_lookup() -> None:
    plan = Plan(lookups=DIRECTED)
    verdict = decide(plan, [found("Carla Rossi"), found("Ostra", "E2")])
    assert verdict and (verdict.answer, verdict.evidence, verdict.prose) == ("Ostra", ("E2",), False)


def test_sentences_that_are_the_answer_make_prose() -> None:
    prose = Found.of_sentences("What is Ostra?", [], [OSTRA])
    verdict = decide(Plan(lookups=("What is Ostra?",)), [prose])
    assert verdict and verdict.prose
    assert compose(verdict, [prose]) == "Ostra is a port on the northern coast. [E2]"


SAME = Plan(lookups=("Which country is A from?", "Which country is B from?"), combine="same", options=("A", "B"))
EARLIER = Plan(lookups=("When was A born?", "When was B born?"), combine="earlier", options=("A", "B"))
LATER = EARLIER.model_copy(update={"combine": "later"})


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [("Italian", "Italy", "yes"), ("French", "Italy", "no"), ("the Alps", "Alps", "yes"), ("US", "American", "yes")],
)
def test_same_compares_countries_by_name_or_adjective(first: str, second: str, answer: str) -> None:
    verdict = decide(SAME, [found(first), found(second, "E2")])
    assert verdict and (verdict.answer, verdict.evidence) == (answer, ("E1", "E2"))


def test_things_of_several_countries_share_one() -> None:
    one = found("Italian", "E1", "It is an Italian and French film.")
    other = found("French", "E2", "It is a French film.")
    verdict = decide(SAME, [one, other])
    assert verdict and verdict.answer == "yes"


@pytest.mark.parametrize(
    ("first", "second", "earlier"),
    [
        ("1901", "1902", "A"),
        ("3 May 1921", "2 May 1921", "B"),
        ("May 3, 1921", "9 June 1921", "A"),
        ("980", "1020", "A"),
    ],
)
def test_dates_are_compared_as_far_as_they_go(first: str, second: str, earlier: str) -> None:
    pair = [found(first), found(second, "E2")]
    later = "B" if earlier == "A" else "A"
    assert [verdict.answer for plan in (EARLIER, LATER) if (verdict := decide(plan, pair))] == [earlier, later]


@pytest.mark.parametrize("plan", [Plan(lookups=DIRECTED), SAME, EARLIER, LATER], ids=lambda plan: plan.combine)
@pytest.mark.parametrize("answers", [[], [found("1901")], [found("1901"), NOTHING], [NOTHING, NOTHING]], ids=len)
def test_without_all_it_needs_nothing_is_decided(plan: Plan, answers: list[Found]) -> None:
    assert decide(plan, answers) is None


def test_dates_that_are_none_and_options_that_are_missing_decide_nothing() -> None:
    assert decide(EARLIER, [found("1901"), found("in May")]) is None
    assert decide(EARLIER.model_copy(update={"options": ()}), [found("1901"), found("1902")]) is None


def test_what_was_found_is_given_when_it_does_not_settle_the_question() -> None:
    said = compose(None, [Found.of_span("Who?", "Carla Rossi", [ROSSI]), NOTHING])
    assert said == (
        "No answer to the question was found. What the documents say:\n\nCarla Rossi was an Italian film director. [E1]"
    )
    assert compose(None, [NOTHING]) is None and compose(None, []) is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("3 May 1921", (1921, 5, 3)),
        ("May 3rd, 1921", (1921, 5, 3)),
        ("June 1921", (1921, 6, 0)),
        ("about 980 AD", (980, 0, 0)),
        ("May", None),
        ("", None),
    ],
)
def test_dates_have_an_order(text: str, key: tuple[int, int, int] | None) -> None:
    assert date_key(text) == key


PARTS = st.lists(
    st.sampled_from(["Carla Rossi ", "was born ", "in 1921. ", "Ostra ", "He. ", "She? ", "\n", "“x” ", "(a "]),
    min_size=1,
    max_size=12,
)
SPANS = st.lists(PARTS.map("".join), min_size=1, max_size=3).map(
    lambda texts: [evidence(f"E{n}", "T", text) for n, text in enumerate(texts, 1)]
)


@settings(max_examples=100)
@given(SPANS, st.sampled_from(["Ostra", "1921", "Carla Rossi", "zzz"]), st.sampled_from(["last", "same", "earlier"]))
def test_answers_cite_only_what_was_given_and_quote_word_for_word(
    spans: list[Evidence], answer: str, combine: str
) -> None:
    items = [
        Found.of_span("Where was Carla born?", answer, spans),
        Found.of_sentences("What?", best_sentences("born", spans, most=2), spans),
    ]
    plan = Plan.model_validate({"lookups": ("a", "b"), "combine": combine, "options": ("A", "B")})
    texts = {item.id: " ".join(item.text.split()) for item in spans}
    for quote in (quote for item in items for quote in item.quotes):
        assert quote.text in texts[quote.evidence]
    said = compose(decide(plan, items), items)
    assert (said is None) == (not any(item.quotes for item in items))
    assert set(re.findall(r"E\d+", said or "")) <= set(texts)


@pytest.mark.parametrize(
    ("one", "other", "first"),
    [
        ("5 May 1962", "6 May 1962", True),
        ("1963", "5 May 1962", False),
        ("12 mars 1901", "11 de abril 1901", True),
        ("1962", "5 May 1962", None),
        ("May 1962", "5 May 1962", None),
        ("1962", "1962", None),
        ("soon", "1962", None),
    ],
)
def test_dates_are_compared_only_as_far_as_both_tell(one: str, other: str, first: bool | None) -> None:
    assert precedes(one, other) is first
