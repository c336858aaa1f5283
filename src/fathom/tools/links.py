"""The links of a page that lie in what is shown of it.

An address is opened only where it was shown, and most links of the web show an anchor in place of it: without such a
list nothing could be followed. Links are as much the page's word as its text, and are treated like it.
"""

import re
from collections.abc import Sequence

from fathom.core.evidence import Page, PageLink
from fathom.tools.window import Span, relevance
from fathom.world.search.addresses import is_page

_ANCHOR_CHARS = 100
_PRINTED = re.compile(r"https?://[^\s<>\"'()\[\]]+")


def links_in(page: Page, spans: Sequence[Span], goal: str, *, most: int, chars: int) -> list[PageLink]:
    """At most `most` of the links whose anchors stand in `spans` of the page's text, `chars` characters all together:
    those nearest to `goal`, in the page's order, each address once; not those that the spans show themselves. A link
    whose place is not known counts as in them where they hold its anchor."""
    text = "\n".join(page.text[start:end] for start, end in spans)
    printed = {address.rstrip(".,;:!?") for address in _PRINTED.findall(text)}
    found: dict[str, PageLink] = {}
    for link in page.links:
        if not link.anchor or link.url in found or link.url in printed or not is_page(link.url):
            continue
        inside = any(start <= link.start < end for start, end in spans) if link.start >= 0 else link.anchor in text
        if inside:
            found[link.url] = link.model_copy(update={"anchor": link.anchor[:_ANCHOR_CHARS]})
    links = list(found.values())
    scores = relevance(goal, [f"{link.anchor} {link.url}" for link in links])
    best = []
    for index in sorted(range(len(links)), key=lambda index: (-scores[index], index))[:most]:
        chars -= len(links[index].anchor) + len(links[index].url)
        if chars >= 0:
            best.append(index)
    return [links[index] for index in sorted(best)]
