"""What may leave a run: addresses that were shown, and public words."""

import base64
import codecs
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fathom.core.errors import ToolError
from fathom.core.task import Task
from fathom.tools.boundary import Boundary, canonical

SECRET = "falcon7 heron budget 48213"


def denied(call: str, boundary: Boundary, text: str) -> bool:
    try:
        boundary.check_words(text) if call == "check_words" else boundary.check_address(text, outgoing=True)
    except ToolError as error:
        assert error.kind == "denied"
        return True
    return False


def test_only_addresses_that_were_shown_are_opened() -> None:
    boundary = Boundary("Compare https://example.org/report. with (http://Example.com/a_(b)) please")
    boundary.show("See [the page](https://site.test/x?y=1), or https://site.test/z#part.", ["https://hit.test/1"])
    for shown in (
        "https://example.org/report",
        "http://example.org/report/",
        "https://EXAMPLE.com/a_(b)",
        "https://site.test/x?y=1#elsewhere",
        "http://site.test/z",
        "https://hit.test/1",
    ):
        assert not denied("check_address", boundary, shown), shown
    for made_up in (
        "https://example.org/",
        "https://example.org/report?d=1",
        "https://example.org/report/more",
        "https://site.test/x?y=2",
        "https://site.test:8443/z",
        "https://evil@site.test/z",
        "https://hit.test/1?q=secret",
        " HTTPS://evil.test/secret",
        "https://[2606:4700::1111]/?q=48213",
        "//evil.test/?q=1",
        "evil.test/?q=1",
        "https:/evil.test",
        "https:\\\\evil.test",
        "https://site.test/z//",
        "Carla Rossi",
    ):
        assert denied("check_address", boundary, made_up), made_up


def test_with_private_text_only_public_addresses_and_words_go_out() -> None:
    boundary = Boundary("What does the Heron project cost next year?")
    assert not denied("check_words", boundary, "anything at all, it holds nothing private")
    boundary.show("The Heron project of Osprey Ltd costs 9 million. https://news.test/heron")
    boundary.show(f"Internal: {SECRET}. https://intranet.test/f", private=True)
    assert boundary.private
    assert not denied("check_words", boundary, '"Osprey Ltd" heron cost site:news.test')
    assert not denied("check_address", boundary, "https://news.test/heron")
    assert denied("check_address", boundary, "https://intranet.test/f")


@pytest.mark.parametrize(
    "encoded",
    [
        SECRET,
        SECRET.replace(" ", ""),
        SECRET[::-1],
        SECRET.upper(),
        base64.b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
        codecs.encode(SECRET, "rot13"),
        quote(SECRET, safe=""),
        " ".join(SECRET),
        ".".join(str(ord(character)) for character in SECRET),
        "".join(chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character for character in SECRET),
        SECRET.replace("o", "о"),  # a letter of another script
        "heron falcon7",
        "..-. .- .-..",
        "a\u200b\u200d",
        "\U0001f426\U0001f98a",
        "4 8 2 1 3",
    ],
)
def test_no_encoding_of_a_private_text_is_public(encoded: str) -> None:
    boundary = Boundary("What does the Heron project cost? 1 2 3 4 8 a b")
    boundary.show(SECRET, private=True)
    assert denied("check_words", boundary, f"heron {encoded}")


def closed() -> Boundary:
    boundary = Boundary("What does the Heron project cost? Heron is in C++ 17.")
    boundary.show("HERON 2026 01, a project of R&D at Osprey-Tern Ltd. for COVID-19.", ["https://news.test/Heron"])
    boundary.show("the code is 48213", private=True)
    return boundary


def test_what_goes_out_is_written_as_it_was_shown() -> None:
    boundary = closed()
    for asked, sent in {
        "hErOn PROJECT": "Heron project",
        "heron\theron   heron\n": "Heron Heron Heron",
        "heron, osprey; ltd.": "Heron Osprey Ltd",
        "heron-project osprey-tern covid-19": "Heron project Osprey-Tern COVID-19",
        "c++ 17 r&d": "C++ 17 R&D",
        '"osprey ltd" site:news.test': '"Osprey Ltd" site:news.test',
        "heron after:2026-01-17": "Heron after:2026-01-17",
        "ｈｅｒｏｎ OR heron": "Heron or Heron",
    }.items():
        assert boundary.check_words(asked) == sent
    for asked in ("HTTP://NEWS.test/Heron#48213", "https://news.test:00443/Heron/", "x48213://news.test/Heron"):
        assert boundary.check_address(asked, outgoing=True) == "https://news.test/Heron"
    free = Boundary("Heron https://news.test/a#b")
    assert free.check_words(" any\tThing ") == " any\tThing "
    assert free.check_address("https://news.test/a#b", outgoing=True) == "https://news.test/a#b"
    assert free.check_address("news title", outgoing=False) == "news title"


def test_public_words_that_spell_a_private_one_stay() -> None:
    boundary = closed()
    boundary.show("0 1 2 3 4 5 6 7 8 9 48 21 13 3")
    boundary.check_words("heron 48")
    assert denied("check_words", boundary, "heron 21 3") and denied("check_words", boundary, "heron 21")
    assert not denied("check_words", boundary, "heron project 17")


def test_addresses_that_spell_a_private_word_stay() -> None:
    boundary = closed()
    boundary.show(" ".join(f"https://keys.test/{digit}" for digit in range(10)))
    opened = [digit for digit in "48213" if not denied("check_address", boundary, f"https://keys.test/{digit}")]
    assert opened == ["4", "8", "2"]


def test_names_of_the_users_files_are_private() -> None:
    boundary = Boundary.of(Task(id="t", question="What does Heron cost?", files=("falcon7 budget.xlsx",)))
    assert (
        boundary.private and denied("check_words", boundary, "falcon7") and not denied("check_words", boundary, "heron")
    )
    assert not Boundary.of(Task(id="t", question="falcon7")).private


def test_in_a_world_on_this_machine_private_addresses_may_be_opened() -> None:
    boundary = Boundary("?")
    boundary.show("https://intranet.test/f", private=True)
    boundary.check_address("https://intranet.test/f", outgoing=False)
    assert denied("check_address", boundary, "https://intranet.test/f")


def test_text_without_spaces_is_known_by_its_pairs() -> None:
    boundary = Boundary("长江大桥有多长")
    boundary.show("内部 机密编号", private=True)
    assert not denied("check_words", boundary, "长江大桥")
    assert denied("check_words", boundary, "长江机密")


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_may_be_shown_and_checked(shown: str, asked: str) -> None:
    boundary = Boundary(shown)
    boundary.show(asked, [asked], private=True)
    for call in ("check_address", "check_words"):
        denied(call, boundary, asked)


@given(st.lists(st.from_regex(r"[a-z]{2,9}", fullmatch=True), min_size=1, max_size=6))
def test_words_that_were_shown_may_go_out_in_any_order(words: list[str]) -> None:
    boundary = Boundary(" ".join(words))
    boundary.show("private", private=True)
    assert not denied("check_words", boundary, " ".join(reversed(words)))


@given(
    host=st.from_regex(r"[a-z]{1,8}\.[a-z]{2,4}", fullmatch=True),
    path=st.from_regex(r"(/[a-zA-Z0-9._~-]{1,6}){0,3}", fullmatch=True),
    query=st.from_regex(r"(\?[a-z]=[a-z0-9]{1,4})?", fullmatch=True),
)
def test_ways_to_write_one_address_are_one(host: str, path: str, query: str) -> None:
    forms = {
        canonical(f"{scheme}://{name}{path}{slash}{query}{fragment}")
        for scheme in ("http", "https", "HTTPS")
        for name in (host, host.upper())
        for slash in ("", "/")
        for fragment in ("", "#x")
    }
    assert forms == {f"{host}{path}{query}"}


def test_texts_without_end_are_refused_once_there_is_private_text() -> None:
    boundary = Boundary("What is of in on at to by?")
    long = "of in on at to by " * 170
    assert boundary.check_words(long) == long
    boundary.show("the code is falcon7", private=True)
    began = time.process_time()
    for text in (long, "of" * 1001):
        with pytest.raises(ToolError, match=r"at most 200 words and 2,000 characters.*fewer") as caught:
            boundary.check_words(text)
        assert caught.value.kind == "denied"
    assert time.process_time() - began < 0.5
    assert boundary.check_words("what is of in on at") == "What is of in on at"


def test_an_address_of_words_without_end_is_refused_once_there_is_private_text() -> None:
    address = f"https://site.test/{'-'.join(['of', 'in', 'on', 'at'] * 100)}"
    boundary = Boundary("What is it?")
    boundary.show("See", [address])
    boundary.show("the code is falcon7", private=True)
    began = time.process_time()
    with pytest.raises(ToolError, match="more than 200 words"):
        boundary.check_address(address, outgoing=True)
    assert time.process_time() - began < 0.5
