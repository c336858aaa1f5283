"""Reading JSON and making hits without trust: fields may be missing, null, of another type, or huge."""

import math
from typing import Any

from fathom.llm.lenient_json import clean_text
from fathom.world.protocol import Hit, Work
from fathom.world.search.addresses import is_page
from fathom.world.search.dates import iso_day
from fathom.world.search.markup import one_line
from fathom.world.search.reply import fault_of_words, garbage, words_of

TITLE_CHARS = 300
SNIPPET_CHARS = 2000


def at(value: Any, *path: str | int) -> Any:
    """What stands at `path` of names and indices; None where there is no such place."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and len(value) > step else None
    return value


def text(value: Any, *path: str | int) -> str:
    """The text or number at `path` as text that can be encoded, else empty."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    return clean_text(found if isinstance(found, str) else str(found)[:40])


def number(value: Any, *path: str | int) -> float:
    """The finite number at `path`, else 0."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return 0.0
    try:
        return float(found) if math.isfinite(found) else 0.0
    except OverflowError:
        return 0.0


def rows(value: Any, *path: str | int) -> list[Any]:
    """The list at `path`. Raises a fault where there is none: of the kind an error in its place tells of, else
    `garbage`."""
    found = at(value, *path)
    if isinstance(found, list):
        return found
    where = ".".join(str(step) for step in path)
    raise fault_of_words(words_of(value), otherwise="garbage", what=f"no list of results at {where!r}")


def hit(
    url: str,
    title: str,
    snippet: str = "",
    *,
    score: float = 0.0,
    date: str = "",
    source: str = "",
    work: Work | None = None,
) -> Hit | None:
    """A hit of clean, bounded texts; None where `url` leads to no page. Without a title the address stands for it.
    `work` is taken as it is: `bibliography.work_of` makes one."""
    address = url.strip() if len(url) < 4096 else ""
    if not is_page(address):
        return None
    return Hit(
        url=address,
        title=one_line(title, TITLE_CHARS) or one_line(address, TITLE_CHARS),
        snippet=one_line(snippet, SNIPPET_CHARS),
        score=score,
        date=iso_day(date),
        source=source,
        work=work,
    )


def found(given: list[Any], hits: list[Hit | None]) -> tuple[Hit, ...]:
    """The hits made of a reply's rows, one per address. Raises `garbage` where rows came and not one was a hit: only an
    empty list says that nothing was found."""
    made: dict[str, Hit] = {}
    for item in hits:
        if item is not None:
            made.setdefault(item.url, item)
    if given and not made:
        garbage(f"{len(given)} results and no address among them")
    return tuple(made.values())
