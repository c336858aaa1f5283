"""Evidence: the exact spans of stored pages that answers stand on."""

import operator
from typing import Literal

from pydantic import Field

from fathom.core.model import Frozen

Degraded = Literal["", "backup", "elsewhere", "stale", "alone", "unconfirmed"]
"""Where an answer is not what the first provider says now: another one's, since the first did not answer; another
one's, since the first found nothing; an older one, since nobody answers; an empty one of the only provider whose word
counts; an empty one that no second provider could confirm, which is not believed."""


class Evidence(Frozen):
    """A span of a page as it was when it was read.

    The law, checked by `fathom verify`: `text == page_text[start:end]` for the stored page whose sha256 is
    `page_hash`. Offsets count Unicode code points. `fetched_at` is UTC, ISO 8601.
    """

    id: str
    url: str
    title: str
    page_hash: str
    start: int
    end: int
    text: str
    fetched_at: str


class PageLink(Frozen):
    """A link out of a page. `start` is where its anchor begins in the page's text, in code points; -1 where that is not
    known."""

    url: str
    anchor: str
    start: int = -1


class Page(Frozen):
    """A page's text as the world gave it. `text_hash` is the sha256 of `text` in UTF-8; `licence` where known; `note`
    where it did not come the usual way; `private` where it came from an address that is not of the public internet.
    `links` are for who reads the text, in its order: those of the web are, those of a corpus are not, whose pages are
    asked for by title."""

    url: str
    title: str
    text: str
    text_hash: str
    fetched_at: str
    licence: str = ""
    lang: str = ""
    note: Degraded = ""
    # Both are left out of records of other pages, which stay what they were.
    private: bool = Field(default=False, exclude_if=operator.not_)
    links: tuple[PageLink, ...] = Field(default=(), exclude_if=operator.not_)
