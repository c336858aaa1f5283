"""Public words that one after the other make a private one."""

import codecs
import itertools
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fathom.tools.spelling import Spelling

SECRET = "qzvtkmwh173910"


def spelling(secret: str = SECRET) -> Spelling:
    made = Spelling()
    made.hide([secret], secret)
    return made


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("form", [SECRET, SECRET[::-1], codecs.encode(SECRET, "rot13")])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("around", [[], ["lighthouse"], ["the"]])
def test_a_private_word_in_pieces_is_kept_back(form: str, size: int, around: list[str]) -> None:
    made = spelling()
    said = [made.refuse_words([*around, piece], (), ()) for piece in pieces(form, size)]
    sent = "".join(piece for piece, why in zip(pieces(form, size), said, strict=True) if not why)
    if size <= 3 or not around:
        assert any(said)
    if size <= 3:
        # Nothing is left of it but a beginning that says little, and then nothing more at all.
        assert len(sent) < 6 and all(said[-2:]) and form.startswith(sent)


@pytest.mark.parametrize("secret", ["qzlavtdemwh1", "inkoisat7y9e", "aeqyzox1k2"])
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("filler", ["of", "a", "the", "lighthouse"])
def test_pieces_may_be_small_words_too(secret: str, size: int, filler: str) -> None:
    made = spelling(secret)
    sent = "".join(piece for piece in pieces(secret, size) if not made.refuse_words([filler, piece], (), ()))
    held = [at for at in range(len(secret) - 4) if secret[at : at + 5] in sent]
    assert not held


def test_pieces_in_one_query_are_kept_back_and_in_turned_order() -> None:
    assert spelling().refuse_words(pieces(SECRET, 3), (), ())
    assert spelling().refuse_words(pieces(SECRET, 3)[::-1], (), ())
    assert spelling().refuse_words([SECRET], (), ()) == ""  # one word alone is what the boundary itself looks at


def test_digits_that_stand_in_groups_are_one_number() -> None:
    made = Spelling()
    made.hide(["4821", "7739", "0021"], "card 4821 7739 0021")
    assert made.refuse_words(["48", "21", "77"], (), ())


def test_letters_may_go_from_one_private_word_to_the_next() -> None:
    made = Spelling()
    made.hide(["ab", "cx", "fg"], "ab cx fg")
    assert not made.refuse_words(["lighthouse", "bc"], (), ()) and made.refuse_words(["lighthouse", "xf", "g"], (), ())
    made = Spelling()
    made.hide(["salt", "road"], "salt road")
    assert not made.refuse_words(["salt", "road"], (), ())


def test_letters_in_an_unknown_code_are_few() -> None:
    made = spelling()
    said = [made.refuse_words([letter], (), ["c"]) for letter in "cbdfgijc"]
    assert [bool(why) for why in said] == [False] * 7 + [False] and made.refuse_words(["n"], (), ["c"])


def test_words_that_are_public_and_words_of_the_question_are_free() -> None:
    made = spelling("sunlight")
    assert made.refuse_words(["sun", "light"], (), ())
    made = spelling("sunlight")
    assert not made.refuse_words(["sun", "light"], ["sunlight"], ())
    made = spelling()
    assert made.refuse_words(list(SECRET[:5]), (), list(SECRET))
    assert not made.refuse_words(["the", "q"], (), list(SECRET))


def test_addresses_that_spell_and_addresses_that_are_alike_are_kept_back() -> None:
    for form in (SECRET, SECRET[::-1]):
        for host in ("keys.example/{}", "{}.keys.example"):
            made = spelling()
            said = [made.refuse_address(host.format(letter), ["keys", "example", letter], ()) for letter in form]
            assert [bool(why) for why in said[:4]] == [False, False, False, True]
            # What was opened once may be opened again.
            assert all(why for letter, why in zip(form[4:], said[4:], strict=True) if letter not in form[:3])
    made = spelling()
    said = [made.refuse_address(f"site/list{page}", ["site", f"list{page}"], ()) for page in range(9)]
    assert [bool(why) for why in said] == [False] * 6 + [True] * 3
    assert made.refuse_address("site/list0", ["site", "list0"], ()) == ""


@given(st.lists(st.text(max_size=6), max_size=20), st.text(max_size=30))
def test_any_words_may_be_looked_at(words: list[str], secret: str) -> None:
    made = spelling(secret)
    made.refuse_words(words, words, ())
    made.refuse_address("".join(words), words, ())


SMALL_WORDS = (
    "of in on at to by is as am le la du et un el en il lo the for and not are was its who how why a y e".split()
)


@pytest.mark.parametrize("solid", [0, 1, 5, 31])
@pytest.mark.parametrize("count", [150, 1000])
def test_hostile_rows_of_small_words_are_judged_at_once(count: int, solid: int) -> None:
    made, source = Spelling(), random.Random(7)
    private = ["".join(source.choices("etaoinshrdlu", k=7)) for _ in range(20_000)]
    made.hide(private, " ".join(private))
    row = source.choices(SMALL_WORDS, k=count)
    for at in source.sample(range(count), count * solid // 100):
        row[at] = source.choice(["qx", "z", "vw", "kkk"])
    began = time.process_time()
    made.refuse_words(row, (), row)
    made.refuse_address("site", row, ())
    assert time.process_time() - began < 1


def test_an_ordinary_sentence_of_small_words_may_go_out() -> None:
    said = "to be or not to be that is the question of who it was and why it is not in the house of the lord"
    assert spelling().refuse_words(said.split(), (), ()) == ""


def brute(words: list[str], secret: str) -> bool:
    """Whether four of the words, each a letter, with none left out between them but small ones, stand in the secret."""
    row = [word for word in words if len(word) == 1]
    forms = "\n".join(form for text in (secret, secret[::-1]) for form in (text, codecs.encode(text, "rot13")))
    for order in (row, row[::-1]):
        for chosen in itertools.combinations(range(len(order)), 4):
            between = {at for at in range(chosen[0], chosen[-1]) if at not in chosen}
            solid = any(order[at] not in "aye" for at in chosen)
            if solid and all(order[at] in "aye" for at in between) and "".join(map(order.__getitem__, chosen)) in forms:
                return True
    return False


@given(st.lists(st.sampled_from("abeyxz"), max_size=9), st.text(alphabet="abeyxz", min_size=4, max_size=9))
def test_letters_are_kept_back_as_a_search_through_all_ways_to_read_them_says(words: list[str], secret: str) -> None:
    made = Spelling()
    made.hide([secret], secret)
    assert bool(made.refuse_words(words, {secret}, "abeyxz")) == brute(words, secret)
