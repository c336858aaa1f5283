"""From HTML to text with links: runs in the parser process.

The tree is walked once. Blocks end lines, paragraphs are parted by an empty line, blanks are collapsed except in `pre`.
What is no content goes: scripts, navigation, forms, footers, hidden parts, edit links, footnote marks. Where the page
says which part is its content (`main`, `article`, MediaWiki's body) only that is taken. Pages nested deeper than
`depth` are read as a flat sequence of tags by the standard library, since fast tree parsers take quadratic time there.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from fathom.corpus.ingest.flow import BLANKS, Flow
from fathom.corpus.ingest.languages import two_letters

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_DROPPED_TAGS = frozenset(
    "script style noscript template svg math iframe object embed canvas audio video map nav footer aside form button "
    "select textarea input dialog head title".split()
)
# Tags that never nest in a parsed tree, since they end themselves or their like.
_FLAT = frozenset(
    "area base br col embed hr img input link meta source track wbr p li dt dd tr td th tbody thead tfoot option "
    "optgroup colgroup caption rp rt html head body".split()
)
_CONTENT = ("#mw-content-text .mw-parser-output", "#mw-content-text", "main", "[role=main]", "article")
_NOISE = (
    ".mw-editsection, .navbox, .noprint, #toc, sup.reference, ol.references, .reflist, .mw-jump-link, "
    ".mw-references-wrap, .metadata, .catlinks, .printfooter, [hidden], [aria-hidden=true], [role=navigation], "
    "[role=banner], [role=contentinfo], [role=search]"
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)")
_HIDDEN = re.compile(r"(display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_ENOUGH_CHARS = 100


def extract(html: str, depth: int) -> Iterator[dict[str, Any]]:
    """One part: title, text, links as [href, anchor, offset], lang, licence and date as the page states them."""
    if _depth(html) > depth:
        yield _flat(html)
        return
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    facts = _facts(tree)
    for node in tree.css(_NOISE):
        if node.tag not in ("html", "body"):
            node.decompose(recursive=True)
    body = tree.body
    best = Flow()
    for root in [*_roots(tree), body]:
        if root is None:
            continue
        writer = Flow()
        _walk(root, writer)
        if len(writer) > len(best):
            best = writer
        if len(writer) >= _ENOUGH_CHARS:
            break
    yield {**facts, **best.result()}


def _roots(tree: "LexborHTMLParser") -> "Iterator[LexborNode]":
    for selector in _CONTENT:
        found = tree.css(selector)
        # Several articles are a list of teasers; then the page is the content.
        if len(found) == 1:
            yield found[0]


def _facts(tree: "LexborHTMLParser") -> dict[str, Any]:
    def text(selector: str) -> str:
        node = tree.css_first(selector)
        return BLANKS.sub(" ", node.text(deep=True)).strip() if node else ""

    def attribute(selector: str, name: str) -> str:
        node = tree.css_first(selector)
        return (node.attributes.get(name) or "").strip() if node else ""

    date = ""
    for name in ("article:modified_time", "article:published_time", "dcterms.date", "date"):
        date = date or attribute(f'meta[property="{name}"], meta[name="{name}"]', "content")
    found = _DATE.match(date)
    return {
        "title": text("head > title") or text("title") or text("h1"),
        "lang": two_letters(attribute("html", "lang")),
        "licence": attribute('link[rel="license"], a[rel="license"]', "href"),
        "date": found.group() if found else "",
    }


def _depth(html: str) -> int:
    """The most tags open at once, by a linear scan that counts what a hostile page leaves open."""
    if html.count("<") < 64:
        return 0
    open_tags: dict[str, int] = {}
    now = most = 0
    for match in _TAG.finditer(html):
        name = match.group(2).lower()
        if name in _FLAT:
            continue
        count = open_tags.get(name, 0)
        if not match.group(1):
            open_tags[name] = count + 1
            now += 1
            most = max(most, now)
        elif count:
            open_tags[name] = count - 1
            now -= 1
    return most


def _walk(root: "LexborNode", writer: "Flow") -> None:
    node: LexborNode | None = root
    while node is not None:
        entered = _enter(node, writer)
        if entered and node.child is not None:
            node = node.child
            continue
        if entered:
            writer.close(node.tag or "")
        while node is not None and node.mem_id != root.mem_id and node.next is None:
            node = node.parent
            if node is not None:
                writer.close(node.tag or "")
        if node is None or node.mem_id == root.mem_id:
            return
        node = node.next


def _enter(node: "LexborNode", writer: "Flow") -> bool:
    """Take the node; whether its children are to be taken too, and its end."""
    tag = node.tag or ""
    if tag == "-text":
        writer.text(node.text_content or "")
        return False
    if tag.startswith(("-", "!", "_")) or tag in _DROPPED_TAGS:
        return False
    attributes = node.attributes
    if _HIDDEN.search(attributes.get("style") or ""):
        return False
    writer.open(tag, attributes.get("href") or "")
    return True


class _Flat(HTMLParser):
    """The same writer, fed with tags as they come."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.writer = Flow()
        self.title = ""
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.writer.open(tag, dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        self.writer.close(tag)

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title = self.title or BLANKS.sub(" ", data).strip()
        elif self._inside not in _DROPPED_TAGS:
            self.writer.text(data)


def _flat(html: str) -> dict[str, Any]:
    parser = _Flat()
    parser.feed(html)
    parser.close()
    return {"title": parser.title, "lang": "", "licence": "", "date": "", **parser.writer.result()}
