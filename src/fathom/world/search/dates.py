"""Days as services write them, to ISO 8601: whole or only as far as they are told (`2024`, `2024-03`)."""

import re
from datetime import date

_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_ISO = re.compile(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?(?=$|[T\s])")
_PACKED = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\d{6})?")
_YEAR_FIRST = re.compile(r"(\d{4})\s+([A-Za-z]{3})[a-z]*\.?(?:\s+(\d{1,2}))?\b")
_MONTH_FIRST = re.compile(r"([A-Za-z]{3})[a-z]*\.?\s+(\d{1,2}),?\s+(\d{4})")
_DAY_FIRST = re.compile(r"(?:[A-Za-z]{3},?\s+)?(\d{1,2})\s+([A-Za-z]{3})[a-z]*\.?\s+(\d{4})")


def iso_day(text: str) -> str:
    """The day that `text` begins with, of ISO and packed forms, `2023 Apr 12`, `Mar 3, 2024`, `Tue, 05 Mar 2024`;
    empty for anything else, such as `3 days ago`. Total."""
    text = text.strip()[:64]
    if match := _PACKED.fullmatch(text):
        return _day(match[1], match[2], match[3])
    if match := _YEAR_FIRST.match(text):
        return _day(match[1], _month(match[2]), match[3])
    if match := _ISO.match(text):
        return _day(match[1], match[2], match[3])
    if match := _MONTH_FIRST.match(text):
        return _day(match[3], _month(match[1]), match[2])
    if match := _DAY_FIRST.match(text):
        return _day(match[3], _month(match[2]), match[1])
    return ""


def within(day: str, since: str, until: str) -> bool:
    """Whether a day that may be told only by its year or month can lie between two days, both included, empty for no
    bound."""
    return (not since or day + "-99-99"[len(day) - 4 :] >= since) and (not until or day <= until)


def _month(name: str) -> str:
    return str(_MONTHS.get(name.lower(), 0))


def _day(year: str, month: str | None, day: str | None) -> str:
    try:
        whole = date(int(year), int(month or 1), int(day or 1)).isoformat()
    except ValueError:
        return ""
    return whole if day else whole[:7] if month else whole[:4]
