"""A server on localhost that serves pages and searches them as SearXNG does, and misbehaves on request."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.chat_server import Answer, ChatServer
from tests.worlds import PAGES


class WebServer(ChatServer):
    """Answers `routes`, path -> answer; /search is answered by `search`, which is given the query."""

    def __init__(self, routes: dict[str, Answer] | None = None, search: Callable[[str], Answer] | None = None) -> None:
        super().__init__()
        self.routes = routes or {}
        self.search = search or (lambda query: results())
        self.visited: list[str] = []

    @property
    def base(self) -> str:
        return self.url.removesuffix("/v1")

    def _answer(self, path: str, body: bytes) -> Answer:
        parts = urlsplit(path)
        self.visited.append(path)
        if parts.path == "/search":
            return self.search(parse_qs(parts.query)["q"][0])
        return self.routes.get(parts.path, Answer(b"<p>Gone.</p>", 404, HTML))


HTML = {"content-type": "text/html; charset=utf-8"}


def results(*rows: dict[str, Any]) -> Answer:
    """SearXNG's reply with these results."""
    return Answer({"query": "", "number_of_results": len(rows), "results": list(rows), "unresponsive_engines": []})


def html(text: str, title: str = "A page", head: str = "") -> Answer:
    """A page with `text` (HTML) as its body."""
    page = f"<!doctype html><html lang=en><head><title>{title}</title>{head}</head><body>{text}</body></html>"
    return Answer(page.encode(), 200, HTML)


def small_web() -> WebServer:
    """The pages of the small world as a web site: found by any word of theirs, likeliest first, linked by hand."""
    licence = '<link rel="license" href="https://creativecommons.org/publicdomain/zero/1.0/">'
    routes = {}
    for title, text in PAGES.items():
        linked = f"<h1>{title}</h1><p>{text}</p>"
        for other in PAGES:
            if other != title:
                linked = linked.replace(other, f'<a href="/wiki/{other.replace(" ", "_")}">{other}</a>')
        routes[f"/wiki/{title.replace(' ', '_')}"] = html(linked, title, licence)

    def search(query: str) -> Answer:
        words = set(query.lower().split())
        scores = {title: len(words & set(re.findall(r"\w+", text.lower()))) for title, text in PAGES.items()}
        best = sorted((title for title in PAGES if scores[title]), key=lambda title: -scores[title])
        return results(
            *(
                {
                    "url": f"{server.base}/wiki/{title.replace(' ', '_')}",
                    "title": title,
                    "content": PAGES[title][:60],
                    "score": scores[title],
                    "engine": "small",
                }
                for title in best
            )
        )

    server = WebServer(routes, search)
    return server
