"""What in a sentence can be checked: numbers, dates, names, quotes, addresses, and its other content words.

`read_claim` takes a sentence apart. Names are runs of capitalised words, Chinese names as the segmenter tags them, and
what stands in title marks; whether a lone capitalised word at a sentence's start is a name or just the first word is
told from how the evidence writes it (`Vocabulary`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from fathom.grading.lexicon import (
    FORMS,
    HAN_STOPWORDS,
    MAGNITUDES,
    MONTHS,
    NUMBER_WORDS,
    ORDINAL_WORDS,
    ROLES,
    STOPWORDS,
    UNITS,
)
from fathom.grading.quantities import Quantity, quantities
from fathom.grading.text import HAN, fold, language, plain, without_emphasis

ItemKind = Literal["number", "date", "name", "quote", "address"]


@dataclass(frozen=True)
class Item:
    """Something a page either has or has not. `parts` are the folded words of a name, or the folded stretches of a
    quote; `quantity` is set for numbers and dates; `pieces` are words that together stand for a Chinese name."""

    kind: ItemKind
    surface: str
    parts: tuple[str, ...] = ()
    quantity: Quantity | None = None
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A sentence taken apart. `words` are its other content words (stem -> as written), `terms` the Chinese ones."""

    text: str
    lang: str
    items: tuple[Item, ...]
    words: dict[str, str]
    terms: tuple[str, ...]


@dataclass
class Vocabulary:
    """How a body of text writes its words: those seen in lower case, and those seen capitalised inside a sentence."""

    lower: set[str] = field(default_factory=set)
    upper: set[str] = field(default_factory=set)

    def learn(self, text: str) -> None:
        previous_end = 0
        for match in _TOKEN.finditer(plain(text)):
            word = match.group()
            if word[0].islower():
                self.lower.add(fold(word))
            elif word[0].isupper() and previous_end and match.start() - previous_end == 1:
                self.upper.add(fold(word))
            previous_end = match.end()


_TOKEN = re.compile(r"[^\W_]+")
_CONNECTORS = frozenset("of the de la le du des von van der den di da del della y e al ibn bin af zu".split())
_WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_VERBS = frozenset("is was has had did made became wrote won sang plays said told took gave led left built".split())
_COMMON_ENDINGS = ("tion", "ment", "ness", "ity", "ing", "ism", "ics", "ance", "ence", "ure", "age", "s", "ly")
# Numbers and dates are checked as such, and words that only say where something stands need not stand there.
_REPORTING = frozenset("page pages article source sources text passage says said states stated according".split())
_NOT_CONTENT = STOPWORDS["en"] | _REPORTING | MONTHS.keys() | MAGNITUDES.keys() | ORDINAL_WORDS.keys()
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"'，。）)\]】]{1,500}", re.IGNORECASE)
_QUOTES = (
    re.compile(r'"([^"\n]{2,600})"'),
    re.compile(r"「([^」]{1,300})」"),
    re.compile(r"『([^』]{1,300})』"),
    re.compile(r"(?<!\w)'(?=\w)([^'\n]{1,200}(?:(?<=\w)'(?=\w)[^'\n]{1,200}){0,5})(?<=[\w.,!?])'(?!\w)"),
)
_TITLE_MARKS = re.compile(r"《([^》]{1,100})》")
_GAP_IN_QUOTE = re.compile(r"\s*(?:\.\.\.|\[[^\]]{0,80}\])\s*")
_AROUND_MARKS = re.compile(r"\s*([^\w\s])\s*")
_DOTTED_NAME = re.compile(r"[\u4e00-\u9fff]{1,8}(?:[·・][\u4e00-\u9fff]{1,8}){1,4}")
_KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc・]{3,}")
_NAME_TAGS = ("nr", "ns", "nt", "nz")


def read_claim(text: str, vocabulary: Vocabulary, lang: str = "") -> Claim:
    """Take a sentence apart. `text` is the sentence without markers; `lang` overrides the language found."""
    sentence = plain(without_emphasis(text))
    lang = lang or language(sentence)
    addresses = [Item("address", m.group().rstrip(".,;:")) for m in _ADDRESS.finditer(sentence)]
    items: list[Item] = []
    rest = _mask(_ADDRESS, sentence)
    for pattern in _QUOTES:
        items.extend(Item("quote", m.group(1), quote_parts(m.group(1))) for m in pattern.finditer(rest))
        rest = _mask(pattern, rest)
    # A quote is compared as it stands, so the figures in it need no check of their own.
    items.extend(Item(q.kind, q.surface, quantity=q) for q in quantities(rest, lang))
    items.extend(Item("name", m.group(1), (squeeze(m.group(1)),)) for m in _TITLE_MARKS.finditer(rest))
    rest = _mask(_TITLE_MARKS, rest)
    names = list(_latin_names(rest, lang, vocabulary))
    for start, end, _ in names:
        rest = rest[:start] + "\n" * (end - start) + rest[end:]
    han_names, terms = _han(rest)
    items.extend(item for _, _, item in names if item.parts)
    items.extend(han_names)
    unique = {(item.kind, fold(item.surface)): item for item in [*items, *addresses]}
    roles = [word for start, end, _ in names for word in words_of(sentence[start:end]) if word in ROLES]
    units = {item.quantity.unit for item in items if item.quantity is not None} - {""}
    words = [w for w in words_of(rest) if _is_content(w, lang) and UNITS.get(w, "-") not in units] + roles
    return Claim(sentence, lang, tuple(unique.values()), {stem(word): word for word in words}, tuple(terms))


def words_of(text: str) -> list[str]:
    """The folded words of `text`; runs of Han count as one word each."""
    return _TOKEN.findall(fold(text))


def stem(word: str) -> str:
    """A crude stem: common word forms share it in the languages written in Latin script."""
    if word in FORMS:
        return FORMS[word]
    bare = re.sub(r"(?<=\w{3})(?:ing|ed|es|s|ly)$", "", word) if not word.endswith("ss") else word
    if len(bare) > 3 and bare[-1] == bare[-2] and bare != word:
        bare = bare[:-1]
    bare = FORMS.get(bare, bare.removesuffix("e"))
    return bare[:5]


def name_key(word: str) -> str:
    """The form in which words of names are compared: Russian names without their case endings."""
    return word[: max(4, len(word) - 2)] if len(word) > 4 and "\u0400" <= word[0] <= "\u04ff" else word


def squeeze(text: str) -> str:
    """`text` folded, without blanks around punctuation: the form in which quotes are compared."""
    return _AROUND_MARKS.sub(r"\1", fold(text))


def quote_parts(quote: str) -> tuple[str, ...]:
    """The stretches of a quote between ellipses and bracketed insertions, without punctuation at their ends."""
    parts = (squeeze(part).strip(".,;:!?。，；：！？ '\"") for part in _GAP_IN_QUOTE.split(quote))
    return tuple(part for part in parts if part)


def _mask(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: "\n" * len(match.group()), text)


def _is_content(word: str, lang: str) -> bool:
    if len(word) < 3 or HAN.search(word) or any(char.isdigit() for char in word):
        return False
    return word not in _NOT_CONTENT and word not in STOPWORDS.get(lang, ()) and word not in NUMBER_WORDS.get(lang, ())


def _latin_names(text: str, lang: str, vocabulary: Vocabulary) -> Iterator[tuple[int, int, Item]]:
    """(start, end, item) of each run of capitalised words. An item without parts is a run of roles only."""
    tokens = [m for m in _TOKEN.finditer(text) if not HAN.search(m.group())]
    index = 0
    while index < len(tokens):
        if not _is_capital(tokens[index].group(), lang):
            index += 1
            continue
        last = index
        for ahead in range(index + 1, len(tokens)):
            gap = text[tokens[ahead - 1].end() : tokens[ahead].start()]
            if not _joins(tokens[ahead - 1].group(), gap):
                break
            if _is_capital(tokens[ahead].group(), lang):
                last = ahead
            elif tokens[ahead].group() not in _CONNECTORS or ahead - last > 2:
                break
        run = tokens[index : last + 1]
        if len(run) > 1 or _is_lone_name(tokens, index, text, lang, vocabulary):
            words = [fold(m.group()) for m in run]
            parts = tuple(name_key(word) for word in words if word not in ROLES and word not in _CONNECTORS)
            yield run[0].start(), run[-1].end(), Item("name", text[run[0].start() : run[-1].end()], parts)
        index = last + 1


def _is_capital(word: str, lang: str) -> bool:
    if not word[0].isupper() or word in ("I", "A", "O", "BC", "AD", "BCE", "CE"):
        return False
    folded = fold(word)
    if folded in MONTHS or folded in MAGNITUDES or folded in _WEEKDAYS:
        return False
    return folded not in STOPWORDS["en"] and folded not in STOPWORDS.get(lang, ())


def _joins(word: str, gap: str) -> bool:
    if gap in (" ", "-", "'", "."):
        return True
    return gap == ". " and (len(word) <= 2 or fold(word) in ROLES)


def _is_lone_name(tokens: list[re.Match[str]], index: int, text: str, lang: str, vocabulary: Vocabulary) -> bool:
    """Whether a single capitalised word is a name. German capitalises every noun, so there it must be known as one."""
    word = fold(tokens[index].group())
    if word in vocabulary.lower or word in ROLES:
        return False
    if lang == "de":
        return False
    before = text[: tokens[index].start()].rstrip(" \"'(")
    if before and before[-1] not in ".:!?|\n":
        return True
    if word in vocabulary.upper:
        return True
    following = tokens[index + 1].group() if index + 1 < len(tokens) else ""
    is_subject = following in _VERBS or (following.endswith("ed") and len(following) > 4)
    return not following or (is_subject and not word.endswith(_COMMON_ENDINGS))


def _han(text: str) -> tuple[list[Item], list[str]]:
    """Chinese and Japanese names, and the content words that are left."""
    if not HAN.search(text) and not _KATAKANA.search(text):
        return [], []
    import rjieba

    names: list[str] = [m.group() for pattern in (_DOTTED_NAME, _KATAKANA) for m in pattern.finditer(text)]
    text = _mask(_KATAKANA, _mask(_DOTTED_NAME, text))
    terms: list[str] = []
    for word, tag in rjieba.tag(text):
        if len(HAN.findall(word)) < 2 or word in HAN_STOPWORDS:
            continue
        if tag.startswith(_NAME_TAGS):
            names.append(word)
        else:
            terms.append(fold(word))
    return [Item("name", name, (squeeze(name),), pieces=_pieces(name)) for name in dict.fromkeys(names)], list(
        dict.fromkeys(terms)
    )


def _pieces(name: str) -> tuple[str, ...]:
    """The words a Chinese name is made of, where it is made of several (长江流域: 长江, 流域)."""
    import rjieba

    words = sorted((w for w in rjieba.cut_for_search(name) if 2 <= len(w) < len(name)), key=len, reverse=True)
    found: list[str] = []
    rest = name
    while rest:
        word = next((word for word in words if rest.startswith(word)), "")
        if not word:
            return ()
        found.append(squeeze(word))
        rest = rest.removeprefix(word)
    return tuple(found)
