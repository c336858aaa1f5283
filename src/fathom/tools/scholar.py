"""`google_scholar`: several queries to catalogues of scholarly works; name and schema are those of the released system.

Each query goes to all catalogues at once. Their lists are merged by rank, a work that several of them know stands once
with what any of them says of it.

Reference: Tongyi DeepResearch report, tools (google_scholar); the wording of results is our own.
Differs from the paper: open catalogues are asked, any number of them, instead of one commercial interface.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import ToolError, WorldUnavailableFault
from fathom.core.message import ToolSpec
from fathom.tools.protocol import ToolContext, ToolResult
from fathom.world.protocol import Hit, Work
from fathom.world.search.bibliography import MAX_AUTHORS
from fathom.world.search.protocol import SearchEngine, SearchQuery
from fathom.world.search.query import parse_query
from fathom.world.search.works import merged

SPEC = ToolSpec(
    name="google_scholar",
    description="Searches catalogues of scholarly works. Takes one or more queries and gives the best works for each.",
    parameters={
        "type": "object",
        "properties": {
            "query": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "description": "The queries: titles, authors, subjects.",
            }
        },
        "required": ["query"],
    },
)


_SATURATED = "The catalogues are at their limit just now. This is no sign that nothing exists; try again later."
_UNREACHED = "No catalogue could be reached. This is no sign that nothing exists."
_ALONE = " (one catalogue only; nothing confirms that there is nothing)"
_WORDLESS = "it holds no words to search for, only what narrows a search"
_REJECTED = (
    "google_scholar: no catalogue could be asked this, or nothing that it found fits what narrows it (site:, after:, "
    "before:). This is no sign that nothing exists; ask without them."
)
_FEW = "Too few catalogues answered to say that nothing matches. This is no sign that nothing exists."


class ScholarConfig(Config):
    """Settings of google_scholar."""

    k: int = Field(default=10, ge=1, description="works per query")
    max_queries: int = Field(default=5, ge=1, description="queries taken from one call; the rest is named as left out")
    snippet_chars: int = Field(default=300, ge=40, description="longest snippet shown, in characters")
    max_authors: int = Field(default=4, ge=1, description="authors named of one work")


class Scholar:
    """Gives a numbered list per query. A catalogue that fails does not spoil the others. That no work matches is said
    where two catalogues say so, or the only one there is, which is noted. Where there is less to say of every query,
    the call is an error of kind `upstream` or `saturated`."""

    spec = SPEC

    def __init__(self, engines: Sequence[SearchEngine], config: ScholarConfig = ScholarConfig()) -> None:
        if not engines:
            raise ValueError("google_scholar needs at least one search engine")
        self._engines, self._config = tuple(engines), config

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> ToolResult:
        asked = list(dict.fromkeys(query.strip() for query in arguments["query"] if query.strip()))
        if not asked:
            raise ToolError("arguments", "google_scholar: every query is blank.")
        queries = [context.boundary.check_words(query) for query in asked[: self._config.max_queries]]
        parsed = [parse_query(query, k=self._config.k) for query in queries]
        if not any(query.text for query in parsed):
            raise ToolError("arguments", f"google_scholar: the query was not sent: {_WORDLESS}.")
        found = await asyncio.gather(*(self._ask(query) for query in parsed))
        if not any(self._tells(answers) for answers, _ in found):
            if any(answers for answers, _ in found):
                raise ToolError("upstream", _FEW)
            faults = [fault for _, each in found for fault in each]
            if faults and all(fault.kind == "rejected" for fault in faults):
                raise ToolError("arguments", _REJECTED)
            full = all(fault.kind == "saturated" for fault in faults)
            raise ToolError("saturated", _SATURATED) if full else ToolError("upstream", _UNREACHED)
        parts: list[str] = []
        works: dict[str, str] = {}
        for query, sent, (answers, _) in zip(queries, parsed, found, strict=True):
            if not sent.text:
                parts.append(f'The query "{query}" was not sent: {_WORDLESS}.')
                continue
            hits = merged(answers, self._config.k)
            parts.append(self._listing(query, hits, answers))
            works.update((hit.url, hit.title) for hit in hits if hit.url not in works)
            for hit in hits:
                context.boundary.show(self._entry(hit), (hit.url,), private=hit.private)
        if len(asked) > len(queries):
            parts.append(f"Left out, more than {len(queries)} queries in one call: {'; '.join(asked[len(queries) :])}")
        return ToolResult(
            text="\n=======\n".join(parts),
            urls=tuple(works),
            titles=tuple(works.values()),
            infra=any(fault.kind != "rejected" for _, faults in found for fault in faults),
        )

    async def _ask(self, query: SearchQuery) -> tuple[list[tuple[Hit, ...]], list[WorldUnavailableFault]]:
        """What each catalogue that answered gave, and why the others did not; of a query without words neither."""
        engines = self._engines if query.text else ()
        found = await asyncio.gather(*(engine.search(query) for engine in engines), return_exceptions=True)
        answers: list[tuple[Hit, ...]] = []
        faults: list[WorldUnavailableFault] = []
        for hits in found:
            if isinstance(hits, tuple):
                answers.append(hits)
            elif isinstance(hits, WorldUnavailableFault):
                faults.append(hits)
            else:
                raise hits
        return answers, faults

    def _tells(self, answers: Sequence[tuple[Hit, ...]]) -> bool:
        """Whether answers to one query say what there is, or that there is nothing, which takes two where there are."""
        return any(answers) or len(answers) >= min(2, len(self._engines))

    def _listing(self, query: str, hits: Sequence[Hit], answers: Sequence[tuple[Hit, ...]]) -> str:
        """The works found in what the catalogues that answered gave."""
        asked, silent = len(self._engines), len(self._engines) - len(answers)
        if silent == asked:
            return f'The search for "{query}" could not be made. That says nothing about what exists.'
        old = sum(any(hit.note == "stale" for hit in answer) for answer in answers)
        told = [f"{silent} of {asked} catalogues did not answer"] if silent else []
        told += [f"{old} of {asked} catalogues did not answer now, what they found earlier is shown"] if old else []
        note = f" ({'; '.join(told)})" if told else ""
        if not self._tells(answers):
            return f'The search for "{query}" found nothing{note}. That says nothing about what exists.'
        if not hits:
            note = note if asked > 1 else _ALONE
            return f'No work matches "{query}"{note}. Other words may help.'
        rows = [f'{len(hits)} {"work" if len(hits) == 1 else "works"} for "{query}"{note}:']
        rows += [f"{number}. {self._entry(hit)}" for number, hit in enumerate(hits, 1)]
        return "\n\n".join(rows)

    def _entry(self, hit: Hit) -> str:
        work = hit.work or Work()
        more = len(work.authors) - self._config.max_authors
        # Engines keep only so many authors: who stands behind them is not counted.
        least = "at least " if len(work.authors) >= MAX_AUTHORS else ""
        authors = ", ".join(work.authors[: self._config.max_authors]) + (f" and {least}{more} more" if more > 0 else "")
        year = str(work.year or hit.date[:4])
        facts = [
            authors,
            ", ".join(filter(None, (work.venue, year))),
            f"cited by {work.cited_by:,}" if work.cited_by is not None else "",
            f"doi:{work.doi}" if work.doi else f"arXiv:{work.arxiv_id}" if work.arxiv_id else "",
            f"pdf: {work.pdf_url}" if work.pdf_url and work.pdf_url != hit.url else "",
        ]
        snippet = " ".join(hit.snippet.split())
        if len(snippet) > self._config.snippet_chars:
            snippet = snippet[: self._config.snippet_chars].rsplit(" ", 1)[0] + " ..."
        lines = [f"[{hit.title}]({hit.url})", "; ".join(filter(None, facts)), snippet]
        return "\n".join(filter(None, lines))
