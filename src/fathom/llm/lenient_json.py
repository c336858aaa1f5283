"""JSON as models write it: strict first, repaired only when that fails, never in more than linear time.

What comes out can always be stored: no NaN, no infinity, no lone surrogate, no nesting deeper than `MAX_DEPTH`. Raw
line breaks inside strings are taken as they are, since models write them and they can mean only one thing.
"""

import json
import math
import re
from typing import Any, NoReturn

MAX_DEPTH = 64
# json-repair takes quadratic time on nested garbage (30,000 braces: 3 s), so only short, flat texts are given to it.
REPAIR_CHARS = 8000
REPAIR_BRACKETS = 256

_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class TooDeepError(ValueError):
    """Valid JSON so far, but nested deeper than `MAX_DEPTH`."""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is out of range")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, strict=False)


def clean_text(text: str) -> str:
    """`text` with each lone surrogate replaced by U+FFFD, so that it can be encoded."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def decode_prefix(text: str, start: int = 0) -> tuple[Any, int]:
    """The JSON value that begins at `start` (blanks skipped) and the index after it.

    Raises `TooDeepError` or `ValueError`.
    """
    while start < len(text) and text[start] in " \t\r\n":
        start += 1
    try:
        value, end = _DECODER.raw_decode(text, start)
    except RecursionError:
        raise TooDeepError("nested too deeply") from None
    return _storable(value, text, start, end), end


def decode(text: str) -> Any:
    """The one JSON value that `text` is. Raises `TooDeepError` or `ValueError`."""
    value, end = decode_prefix(text)
    if text[end:].strip():
        raise ValueError(f"more text after the JSON value, at character {end}")
    return value


def repair(text: str) -> Any:
    """The value json-repair makes of a text that is not JSON. Raises `ValueError` if it makes none, or where the text
    is too long or too nested to be tried."""
    import json_repair

    brackets = text.count("{") + text.count("[")
    if not brackets or len(text) > REPAIR_CHARS or brackets > REPAIR_BRACKETS:
        raise ValueError("not JSON, and not repairable")
    try:
        value = json_repair.loads(text, skip_json_loads=True)
        # Through our own decoder, which refuses what json-repair lets through (NaN, surrogates, depth).
        return decode(json.dumps(value))
    except (RecursionError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise ValueError(f"not JSON, and not repairable ({type(error).__name__})") from None


def _storable(value: Any, text: str, start: int, end: int) -> Any:
    brackets = text.count("[", start, end) + text.count("{", start, end)
    if brackets > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise TooDeepError("nested too deeply")
    if _ESCAPED_SURROGATE.search(text, start, end):
        return json.loads(_SURROGATES.sub("\ufffd", json.dumps(value, ensure_ascii=False)))
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        containers = [item for item in level if isinstance(item, (dict, list))]
        level = []
        for item in containers:
            level.extend(item.values() if isinstance(item, dict) else item)
        depth += bool(containers)
    return depth
