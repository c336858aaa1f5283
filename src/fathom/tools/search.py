"""`search`: several queries at once; name and schema are those of the released system.

Reference: Tongyi DeepResearch report, tools; the wording of results is our own.
"""

import asyncio
from typing import Any

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import QueryError, ToolError, WorldUnavailableFault
from fathom.core.message import ToolSpec
from fathom.tools.protocol import ToolContext, ToolResult
from fathom.world.protocol import Hit, NoHits

SPEC = ToolSpec(
    name="search",
    description="Searches the document world. Takes one or more queries and gives the best pages for each.",
    parameters={
        "type": "object",
        "properties": {
            "query": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "description": "The queries; several different ones in one call are welcome.",
            }
        },
        "required": ["query"],
    },
)


_SATURATED = "The search is at its limit just now. This is no sign that nothing exists; try again later."
_UNREACHED = "The search service could not be reached. This is no sign that nothing exists."
NOTES = {
    "backup": "(The usual search did not answer; these are from another one.)",
    "elsewhere": "(The usual search found nothing; these are from another one.)",
    "stale": "(The search does not answer now; these are what it found earlier.)",
}
"""What is said above hits that did not come the usual way, by their note."""
_ALONE = " (one engine only; nothing confirms that there is nothing)"


class SearchConfig(Config):
    """Settings of search."""

    k: int = Field(default=10, ge=1, description="pages per query; the released system's top 10")
    max_queries: int = Field(default=8, ge=1, description="queries taken from one call; the rest is named as left out")
    snippet_chars: int = Field(default=400, ge=40, description="longest snippet shown, in characters")


class Search:
    """Gives a numbered list per query. One query's failure does not spoil the others; when the world answers none,
    the call is an error of kind `upstream`, never "nothing found"; of kind `arguments` when it can be asked none."""

    spec = SPEC

    def __init__(self, config: SearchConfig = SearchConfig()) -> None:
        self._config = config

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> ToolResult:
        asked = list(dict.fromkeys(query.strip() for query in arguments["query"] if query.strip()))
        if not asked:
            raise ToolError("arguments", "search: every query is blank.")
        queries = asked[: self._config.max_queries]
        if context.outgoing:
            queries = [context.boundary.check_words(query) for query in queries]
        found = await asyncio.gather(
            *(context.world.search(query, self._config.k) for query in queries), return_exceptions=True
        )
        parts: list[str] = []
        pages: dict[str, str] = {}
        faults: list[WorldUnavailableFault] = []
        answered = 0
        for query, hits in zip(queries, found, strict=True):
            if isinstance(hits, WorldUnavailableFault):
                faults.append(hits)
                parts.append(f'The search for "{query}" could not be made. That says nothing about what exists.')
            elif isinstance(hits, QueryError):
                parts.append(f'The query "{query}" was not sent: {hits}.')
            elif isinstance(hits, BaseException):
                raise hits
            else:
                answered += 1
                for hit in hits:
                    private = context.private or hit.private
                    context.boundary.show(f"{hit.title}\n{hit.snippet}", (hit.url,), private=private)
                parts.append(self._listing(query, hits))
                pages.update((hit.url, hit.title) for hit in hits if hit.url not in pages)
        if not answered and not faults:
            raise ToolError("arguments", f"search: {' '.join(parts)}")
        if not answered:
            full = all(fault.kind == "saturated" for fault in faults)
            raise ToolError("saturated", _SATURATED) if full else ToolError("upstream", _UNREACHED)
        if len(asked) > len(queries):
            parts.append(f"Left out, more than {len(queries)} queries in one call: {'; '.join(asked[len(queries) :])}")
        return ToolResult(
            text="\n=======\n".join(parts),
            urls=tuple(pages),
            titles=tuple(pages.values()),
            infra=bool(faults),
        )

    def _listing(self, query: str, hits: tuple[Hit, ...]) -> str:
        if not hits:
            note = _ALONE if isinstance(hits, NoHits) and hits.note == "alone" else ""
            return f'No page matches "{query}"{note}. Other words may help.'
        rows = [f'{len(hits)} pages for "{query}":']
        rows += [NOTES[note] for note in dict.fromkeys(hit.note for hit in hits) if note in NOTES]
        for number, hit in enumerate(hits, 1):
            snippet = " ".join(hit.snippet.split())
            if len(snippet) > self._config.snippet_chars:
                snippet = snippet[: self._config.snippet_chars].rsplit(" ", 1)[0] + " ..."
            dated = f" ({hit.date})" if hit.date else ""
            rows.append(f"{number}. [{hit.title}]({hit.url}){dated}\n{snippet}")
        return "\n\n".join(rows)
