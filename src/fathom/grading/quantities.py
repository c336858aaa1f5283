"""Numbers and dates in text, in the forms people write them, and when one agrees with another.

A claim's figure agrees with a page's when it says no more than the page does: `November 875` agrees with `11 November
875`, `8849 m` with `8,849`; `11 November 875` does not agree with `875`, nor `8849 ft` with `8,849 m`. What a text
leaves open (`05/03/1821`, `8.849`) is read every way it can be meant.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from fathom.grading.lexicon import (
    HAN_DIGITS,
    HAN_SCALES,
    HEDGES,
    MAGNITUDES,
    MONTHS,
    NUMBER_WORDS,
    ORDINAL_WORDS,
    UNITS,
)
from fathom.grading.text import fold


@dataclass(frozen=True)
class Date:
    """A date as far as it is given; 0 is unknown. `span` is 10 for a decade and 100 for a century, whose first year
    `year` is; years before our era are negative."""

    year: int = 0
    month: int = 0
    day: int = 0
    span: int = 1

    def within(self, other: "Date") -> bool:
        """Whether `other` says all that this says."""
        if self.year and not self.year <= other.year <= other.year + other.span - 1 < self.year + self.span:
            return False
        return (not self.month or self.month == other.month) and (not self.day or self.day == other.day)


_ALWAYS_GIVEN = frozenset({"%", "usd", "eur", "gbp", "cny"})


@dataclass(frozen=True)
class Quantity:
    """A figure as written (`surface`): a number (`values` it may mean, `unit` or "", `about` if hedged, `ordinal`) or a
    date (`dates` it may mean)."""

    surface: str
    values: tuple[Decimal, ...] = ()
    unit: str = ""
    about: bool = False
    ordinal: bool = False
    dates: tuple[Date, ...] = ()

    @property
    def kind(self) -> Literal["number", "date"]:
        return "date" if self.dates else "number"

    def agrees(self, other: "Quantity") -> bool:
        """Whether a page that has `other` bears this out."""
        if self.dates and other.dates:
            return any(mine.within(theirs) for mine in self.dates for theirs in other.dates)
        if self.dates or other.dates:
            return self._same_year(other)
        if self.ordinal != other.ordinal or not self._unit_agrees(other.unit):
            return False
        return any(self._near(mine, theirs) for mine in self.values for theirs in other.values)

    def _unit_agrees(self, unit: str) -> bool:
        """Tables and headings often leave a unit out, but never what makes a share or money of a number."""
        if self.unit in _ALWAYS_GIVEN or unit in _ALWAYS_GIVEN:
            return self.unit == unit or (not self.unit and unit != "%")
        return not self.unit or not unit or self.unit == unit

    def _same_year(self, other: "Quantity") -> bool:
        """A bare year is written like a number: 875, 2000."""
        number, date = (other, self) if self.dates else (self, other)
        bare = [d for d in date.dates if d.span == 1 and d.year >= 100 and (not self.dates or not d.month)]
        return not number.unit and not number.ordinal and any(d.year in number.values for d in bare)

    def _near(self, mine: Decimal, theirs: Decimal) -> bool:
        if mine == theirs:
            return True
        if not self.about or not mine or not theirs:
            return False
        # Hedged figures are rounded ones: equal once the page's figure is rounded to the claim's leading digits.
        digits = len(mine.normalize().as_tuple().digits)
        return _rounded(theirs, digits) == mine.normalize()


def _rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(value.adjusted() - digits + 1)).normalize()


_MONTH = "(?:" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\b\.?"
_Y, _D = r"(\d{3,4})(?!\d)", r"(\d{1,2})(?!\d)"
_ERA = r"(?:\s?(b\.?\s?c\.?(?:\s?e\.?)?|v\.\s?chr|av\.?\s?j|a\.?c\b))?"
_OF = r"(?:\s?,\s?|\s(?:of|de|del|di|do|d')\s|\s)"
_HAN = "0-9〇零一二三四五六七八九十"
_DAY = rf"{_D}(?:st|nd|rd|th|er|º|ª|\.)?"

# Order matters: what an earlier form took is not read again.
_DATE_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ymd", re.compile(r"(?<![\d.-])(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?![\d-])")),
    (
        "han",
        re.compile(rf"(公元前|前)?([{_HAN}]{{2,5}})年(?:([{_HAN}]{{1,3}})月)?(?:([{_HAN}]{{1,3}})[日号號])?(?!代)"),
    ),
    ("han_md", re.compile(rf"()()([{_HAN}]{{1,3}})月([{_HAN}]{{1,3}})[日号號]")),
    ("kor", re.compile(r"(\d{3,4})년(?:\s?(\d{1,2})월)?(?:\s?(\d{1,2})일)?")),
    ("dMy", re.compile(rf"(?<!\d){_DAY}{_OF}({_MONTH}){_OF}{_Y}{_ERA}")),
    ("Mdy", re.compile(rf"\b({_MONTH})\s?{_DAY}(?:\s?,\s?|\s){_Y}{_ERA}")),
    ("dM", re.compile(rf"(?<!\d){_DAY}{_OF}({_MONTH})")),
    ("Md", re.compile(rf"\b({_MONTH})\s{_DAY}(?![\d,.]\d)")),
    ("My", re.compile(rf"\b({_MONTH}){_OF}{_Y}{_ERA}")),
    ("numeric", re.compile(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\d./-])")),
    ("M", re.compile(rf"\b(?:in|im|en|since|until|during|late|early|mid)\s(?:late |early |mid )?({_MONTH})")),
    ("decade", re.compile(r"(?<!\d)(\d{3}0)(?:'?s\b|er\b|年代)")),
    (
        "century",
        re.compile(
            r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|\.|er?|世纪|世紀)(?:[\s-]century|\sjahrhundert|\ssiecle|(?<=[纪紀]))"
        ),
    ),
    (
        "era",
        re.compile(r"(?<!\d)(?<!\d[.,])(?:(ad)\s(\d{1,4})|(\d{1,4})\s(b\.?c\.?(?:e\.?)?|a\.?d\.?|ce))(?![\w.,]?\d)\b"),
    ),
    ("range", re.compile(r"(?<!\d)(?<!\d[.,])(1\d{3}|20\d\d)\s?[-/]\s?(\d\d)(?![\d,.-]?\d)")),
    ("year", re.compile(r"(?<![\d$€£¥])(?<!\d[.,])(1\d{3}|20\d\d)(?!\d|[.,]\d|\s?%)")),
)
_CENTURY_WORD = re.compile(r"\b(" + "|".join(ORDINAL_WORDS) + r")[ -]century")

_NUMBER = re.compile(
    r"(?<!\d)(?<!\d[.,])(?P<currency>[$€£¥]\s?)?"
    r"(?P<digits>\d{1,3}(?:[,.' ]\d{3})+(?:[.,]\d+)?(?!\d)|\d{1,18}(?:[.,]\d{1,9})?(?!\d))"
    r"(?P<ordinal>(?:st|nd|rd|th)\b)?"
    r"(?P<magnitude>\s?(?:" + "|".join(sorted(MAGNITUDES, key=len, reverse=True)) + r")(?![a-z]))?"
)
_UNIT = re.compile(r"[\s-]?(" + "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True)) + r")(?![a-z0-9])")
_SQUARE = re.compile(r"\s?(?:square|sq\.?)\s(km|kilomet|mi)")
_PER_CENT = re.compile(r"\s?(?:per cent|pour cent|por ciento)\b")
_HAN_NUMBER = re.compile("[" + "".join(HAN_DIGITS) + "".join(HAN_SCALES) + "]{1,12}")
_HAN_MEASURES = frozenset("个個位名次岁歲人米座部本条條届屆集章种種年月日天吨元艘架家所公平千厘英小秒倍项項")


def quantities(text: str, lang: str) -> list[Quantity]:
    """All dates and numbers of `text`, in the order of the forms they are written in. `lang` (ISO 639-1) chooses the
    number words."""
    folded = fold(text).replace("–", "-").replace("—", "-").replace("−", "-")
    found: list[Quantity] = []
    masked = folded
    for form, pattern in _DATE_FORMS:
        for match in list(pattern.finditer(masked)):
            if form == "year" and _has_unit(masked, match.end()):
                continue
            dates = tuple(_read_date(form, match))
            if dates and form == "range":
                end = int(match[1][:2] + match[2])
                if end <= dates[0].year:
                    continue
                found.append(Quantity(str(end), dates=(Date(year=end),)))
            if dates:
                found.append(Quantity(match.group().strip(), dates=dates))
                masked = masked[: match.start()] + "\n" * len(match.group()) + masked[match.end() :]
    for match in _CENTURY_WORD.finditer(masked):
        found.append(Quantity(match.group(), dates=(Date(year=_century(ORDINAL_WORDS[match.group(1)]), span=100),)))
        masked = masked[: match.start()] + "\n" * len(match.group()) + masked[match.end() :]
    found.extend(_digits(masked))
    found.extend(_words(masked, lang))
    found.extend(_han_numbers(masked))
    return found


def _century(number: int) -> int:
    return max(1, (number - 1) * 100)


def _read_date(form: str, match: re.Match[str]) -> Iterable[Date]:
    groups = match.groups()
    if form in ("ymd", "kor"):
        yield from _valid(groups[0], groups[1] or 0, groups[2] or 0)
    elif form in ("han", "han_md"):
        year = _han_year(groups[1])
        if year >= 100 or groups[0] or groups[2]:
            yield from _valid(-year if groups[0] else year, _han_int(groups[2]), _han_int(groups[3]))
    elif form == "numeric":
        yield from _valid(groups[3], groups[2], groups[0])
        yield from _valid(groups[3], groups[0], groups[2])
    elif form == "decade":
        yield Date(year=int(groups[0]), span=10)
    elif form == "century":
        yield Date(year=_century(int(groups[0])), span=100)
    elif form == "era":
        before = (groups[3] or "").startswith("b")
        yield Date(year=-int(groups[2]) if before else int(groups[1] or groups[2]))
    elif form in ("range", "year"):
        yield Date(year=int(groups[0]))
    else:
        yield from _western(form, groups)


def _western(form: str, groups: tuple[str | None, ...]) -> Iterable[Date]:
    order = {"dMy": "dmye", "Mdy": "mdye", "dM": "dm", "Md": "md", "My": "mye", "M": "m"}[form]
    parts = {key: value or "" for key, value in zip(order, groups, strict=True)}
    year = int(parts.get("y") or 0) * (-1 if parts.get("e") else 1)
    yield from _valid(year, MONTHS[parts["m"].rstrip(".")], parts.get("d") or 0)


def _valid(year: str | int, month: str | int, day: str | int) -> Iterable[Date]:
    if 0 <= int(month) <= 12 and 0 <= int(day) <= 31:
        yield Date(int(year), int(month), int(day))


def _has_unit(text: str, at: int) -> bool:
    unit = _UNIT.match(text, at)
    # 1990年 is a year, and so is the figure before a hyphen or a bare letter.
    return unit is not None and UNITS[unit.group(1)] not in ("year", "c", "f", "g", "l", "t", "in")


def _digits(text: str) -> Iterable[Quantity]:
    for match in _NUMBER.finditer(text):
        if _inside_word(text, match.start("digits")):
            continue
        scale = MAGNITUDES[match["magnitude"].strip()] if match["magnitude"] else 1
        values = tuple(value * scale for value in _readings(match["digits"]))
        unit = UNITS[match["currency"].strip()] if match["currency"] else _unit_after(text, match.end())
        yield Quantity(
            match.group().strip(), values, unit, _hedged(text, match.start()), ordinal=match["ordinal"] is not None
        )


def _inside_word(text: str, at: int) -> bool:
    """`CO2` and `covid19` are words; `约1200` is a number, for Chinese puts no blanks."""
    before = text[at - 1 : at]
    return before.isalpha() and before.isascii()


def _readings(digits: str) -> Iterable[Decimal]:
    marks = re.sub(r"\d", "", digits)
    if not marks:
        return (Decimal(digits),)
    last = digits.rfind(marks[-1])
    whole = re.sub(r"\D", "", digits[:last])
    as_decimal = Decimal(f"{whole}.{digits[last + 1 :]}") if marks[-1] in ".," else None
    as_groups = Decimal(re.sub(r"\D", "", digits))
    if len(set(marks)) > 1 and as_decimal is not None:
        return (as_decimal,)
    if len(marks) > 1 or as_decimal is None:
        return (as_groups,)
    return (as_groups, as_decimal) if len(digits) - last == 4 and whole.lstrip("0") else (as_decimal,)


def _unit_after(text: str, at: int) -> str:
    if _PER_CENT.match(text, at):
        return "%"
    square = _SQUARE.match(text, at)
    if square:
        return "mi2" if square.group(1) == "mi" else "km2"
    unit = _UNIT.match(text, at)
    if unit is None or unit.group(1) == "in":
        return ""
    return UNITS[unit.group(1)]


def _hedged(text: str, at: int) -> bool:
    before = text[max(0, at - 16) : at].rstrip(" $€£¥")
    return before.endswith(("约", "近", "大约", "超过")) or (before.split() or [""])[-1].strip(".(") in HEDGES


def _words(text: str, lang: str) -> Iterable[Quantity]:
    table = NUMBER_WORDS.get(lang)
    if table is None:
        return
    run: list[str] = []
    start = end = 0
    for match in re.finditer(r"[^\W\d_]+|$", text):
        word, gap = match.group(), text[end : match.start()]
        joins = word in table or (lang == "en" and word in ("hundred", "thousand", "million", "billion"))
        if run and joins and gap in (" ", "-", " and "):
            run.append(word)
            end = match.end()
            continue
        if run and not (word == "and" and gap == " "):
            yield from _number_words(run, text[start:end], table, text, start, end)
            run = []
        if word in table and not run:
            run, start, end = [word], match.start(), match.end()
        if lang == "en" and word in ORDINAL_WORDS:
            yield Quantity(word, (Decimal(ORDINAL_WORDS[word]),), ordinal=True)


def _number_words(
    run: list[str], surface: str, table: dict[str, int], text: str, start: int, end: int
) -> Iterable[Quantity]:
    total = part = 0
    for word in run:
        if word in table:
            part += table[word]
        elif word == "hundred":
            part = max(part, 1) * 100
        else:
            total, part = total + max(part, 1) * MAGNITUDES[word], 0
    # "one" alone is mostly a pronoun.
    if run != ["one"]:
        yield Quantity(surface, (Decimal(total + part),), _unit_after(text, end), _hedged(text, start))


def _han_numbers(text: str) -> Iterable[Quantity]:
    for match in _HAN_NUMBER.finditer(text):
        surface, follows = match.group(), text[match.end() : match.end() + 1]
        ordinal = text[match.start() - 1 : match.start()] == "第"
        # Without a measure word behind it a numeral is mostly part of a word (统一, 三国, 十分).
        if (follows in _HAN_MEASURES and follows) or ordinal:
            value = _han_int(surface)
            if value > 1 or ordinal:
                unit = "" if ordinal else _unit_after(text, match.end())
                yield Quantity(surface, (Decimal(value),), unit, _hedged(text, match.start()), ordinal)


def _han_year(numeral: str) -> int:
    if not numeral:
        return 0
    if all(char in HAN_DIGITS for char in numeral):
        return int("".join(str(HAN_DIGITS[char]) for char in numeral))
    return _han_int(numeral)


def _han_int(numeral: str | None) -> int:
    if not numeral:
        return 0
    if numeral.isascii():
        return int(numeral)
    if not any(char in HAN_SCALES for char in numeral):
        return int("".join(str(HAN_DIGITS.get(char, char)) for char in numeral))
    total = section = digit = 0
    for char in numeral:
        if char in HAN_SCALES:
            scale = HAN_SCALES[char]
            if scale >= 10**4:
                total, section, digit = (total + section + digit) * scale, 0, 0
            else:
                section, digit = section + (digit or 1) * scale, 0
        else:
            digit = HAN_DIGITS[char] if char in HAN_DIGITS else digit * 10 + int(char)
    return total + section + digit
