"""Candidate answers: kinds of questions, spans of evidence and their order."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.agents.spans import Kind, candidates, kind_of

KINDS: dict[Kind, str] = {
    "date": """When was Ostra built?
        What is the date of birth of Ivo Marek?
        Quand est né Ivo Marek ?
        En quelle année ?
        ¿Cuándo murió Carla Rossi?
        他什么时候出生？""",
    "number": """How many people live in Ostra?
        How long is the Oma?
        Combien d'habitants a Ostra ?
        ¿Cuántos habitantes tiene Ostra?
        奥斯特拉有多少居民？""",
    "name": """Who directed Salt Road?
        Where did Carla Rossi die?
        Which country is Ivo Marek from?
        Who is the director of Salt Road?
        Qui a réalisé Salt Road ?
        ¿Dónde nació Carla?
        谁导演了盐路？""",
    "prose": """What is photosynthesis?
        Why is the sky blue?
        How does a lighthouse work?
        Who was Marie Curie?
        Who is Alexander the Great?
        Qu'est-ce que la photosynthèse ?
        Comment fonctionne un phare ?
        ¿Qué es la fotosíntesis?
        ¿Quién es Marie Curie?
        什么是光合作用？
        光合作用是什么？
        天为什么是蓝的？""",
    "any": """What is the capital of France?
        Name a port.
        ???""",
}
ASKED = [(kind, question.strip()) for kind, lines in KINDS.items() for question in lines.splitlines()]


@pytest.mark.parametrize(("kind", "question"), ASKED)
def test_the_kind_is_told_by_the_question_word(kind: Kind, question: str) -> None:
    assert kind_of(question) == kind


LIFE = "Carla Rossi (3 May 1921 - 9 June 1999) was a director. She was born in Turin, Piedmont and died in Ostra."
FILM = "Salt Road is a 1962 film written by J. R. Hill and directed by Sir Ugo de la Cruz. Ada Lind wrote the music."
ORDERED = [
    ("When was Carla Rossi born?", LIFE, ["3 May 1921", "9 June 1999"]),
    ("When did Carla Rossi die?", LIFE, ["9 June 1999", "3 May 1921"]),
    ("Where was Carla Rossi born?", LIFE, ["Turin, Piedmont", "Ostra", "Piedmont"]),
    ("Where did Carla Rossi die?", LIFE, ["Ostra", "Turin, Piedmont", "Piedmont"]),
    ("Who is the director of Salt Road?", FILM, ["Ugo de la Cruz", "Ada Lind", "J. R. Hill"]),
    ("Who is the author of Salt Road?", FILM, ["J. R. Hill", "Ada Lind", "Ugo de la Cruz"]),
    ("Which country is Rossi from?", "Rossi was an Italian director who lived in Vienna.", ["Italian"]),
    ("How many people live in Ostra?", "Some 4,200 people live there, 35.5 km from Brno.", ["4,200", "35.5 km"]),
    (
        "Who is the father of Mary?",
        "Mary was the daughter of Louis, 2nd Count of Vendôme and Queen Anna Bolt.",
        ["Louis, 2nd Count of Vendôme", "Count of Vendôme", "Anna Bolt"],
    ),
    ("Quand est née Ada ?", "Ada Lind est née le 12 mars 1901 à Paris.", ["12 mars 1901"]),
    ("¿Cuándo nació Ada?", "Nació el 3 de mayo de 1921.", ["3 de mayo de 1921"]),
    ("他什么时候出生？", "他于1921年5月3日出生。", ["1921年5月3日"]),
]


@pytest.mark.parametrize(("question", "text", "spans"), ORDERED)
def test_spans_come_by_how_near_they_stand_to_what_is_asked(question: str, text: str, spans: list[str]) -> None:
    assert candidates(text, kind_of(question), question=question) == spans


def test_what_the_question_names_is_no_answer_to_it() -> None:
    assert candidates("Salt Road was made by Ada Lind.", "name", question="Who made Salt Road?") == ["Ada Lind"]
    assert candidates("Salt Road.", "name", question="Who made Salt Road?") == []


def test_names_do_not_run_over_lines() -> None:
    text = "Ports\nOstra\nCarla Rossi\nIvo Marek"
    assert candidates(text, "name", question="Who?") == ["Carla Rossi", "Ivo Marek", "Ports", "Ostra"]


def test_only_spans_about_as_near_as_the_likeliest_stay() -> None:
    question = "Who is the director of Salt Road?"
    assert candidates(FILM, "name", question=question, margin=20) == ["Ugo de la Cruz"]
    assert candidates(FILM, "name", question=question, most=2) == ["Ugo de la Cruz", "Ada Lind"]


QUESTIONS = [question for _, question in ASKED]
WORDS = [
    "Carla",
    "Rossi",
    "of",
    "the",
    "born",
    "in",
    "(",
    ")",
    "1921",
    "3 May 1921",
    ",",
    ". ",
    "\n",
    "人",
    "King",
    "’s",
    "I",
    "J.",
]


@settings(max_examples=150)
@given(
    text=st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)),
    kind=st.sampled_from(["date", "number", "name", "any", "prose"]),
    question=st.one_of(st.sampled_from(QUESTIONS), st.text(max_size=60)),
    most=st.integers(1, 8),
)
def test_every_candidate_is_in_the_text_and_given_once(text: str, kind: Kind, question: str, most: int) -> None:
    found = candidates(text, kind, question=question, most=most)
    assert len(found) == len(set(found)) <= most
    assert all(span and span in text for span in found)
    nearer = candidates(text, kind, question=question, most=most, margin=10)
    assert nearer == found[: len(nearer)] and bool(nearer) == bool(found)


LONG = ["1901 born ", "#1 ", "A(", ", Count of ", "人", "A, ", "daughter of A and ", "9,", "A\n", "(1901 1902) "]


@pytest.mark.parametrize("unit", LONG)
def test_long_texts_cost_little(unit: str) -> None:
    text = (unit * 10_000)[:10_000]
    for kind, question in (("date", "When was he born?"), ("number", "How many?"), ("name", "Who is the mother of x?")):
        began = time.process_time()
        candidates(text, kind, question=question)  # type: ignore[arg-type]
        assert time.process_time() - began < 2.0  # took up to a minute once
