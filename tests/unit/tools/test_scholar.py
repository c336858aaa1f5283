"""google_scholar lists works of several catalogues and never takes a silent one for an empty one."""

import asyncio
from pathlib import Path

import pytest
from tests.gateways import gateway
from tests.search_services import CASES, QUERY
from tests.unit.world.test_works import OTHER, PREPRINT, PRINT
from tests.virtual_time import run_virtual
from tests.worlds import small_world

from fathom.core.budget import Meter
from fathom.core.errors import ProviderFault, ToolError, WorldUnavailableFault
from fathom.core.events import MemoryJournal
from fathom.core.message import ToolCall
from fathom.core.task import Task
from fathom.sandbox.egress.protocol import WebReply
from fathom.sandbox.egress.scripted import ScriptedWeb
from fathom.sandbox.gateway.service import ServiceConfig
from fathom.tools.protocol import ToolContext, ToolResult
from fathom.tools.scholar import Scholar, ScholarConfig
from fathom.tools.toolset import Toolset
from fathom.world.protocol import Hit, Work
from fathom.world.search.gated import GatedEngine
from fathom.world.search.journaled import JournaledEngine
from fathom.world.search.protocol import SearchQuery


class ScriptedEngine:
    """A catalogue that knows these hits for every query but those it is silent on."""

    def __init__(
        self, name: str, *hits: Hit, silent: tuple[str, ...] = (), kind: ProviderFault.Kind = "rate_limited"
    ) -> None:
        self.name, self.hits, self.silent, self.kind = name, hits, silent, kind
        self.asked: list[SearchQuery] = []

    async def search(self, query: SearchQuery) -> tuple[Hit, ...]:
        self.asked.append(query)
        if query.text in self.silent:
            raise WorldUnavailableFault("catalogue.example:443 says 429", kind=self.kind)
        return self.hits[: query.k]

    async def close(self) -> None:
        return None


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    return ToolContext(task=Task(id="t", question="q"), world=small_world(tmp_path))


async def run(context: ToolContext, scholar: Scholar, *queries: str) -> ToolResult:
    return await Toolset([scholar]).run(
        ToolCall(id="c", name="google_scholar", arguments={"query": list(queries)}), context
    )


async def test_works_are_merged_and_shown_with_what_is_known(context: ToolContext) -> None:
    scholar = Scholar([ScriptedEngine("arxiv", PREPRINT), ScriptedEngine("crossref", PRINT, OTHER)], ScholarConfig(k=5))
    result = await run(context, scholar, "lighthouses")
    assert result.text == (
        '2 works for "lighthouses":\n\n'
        "1. [Lighthouses of the northern coast: a survey](https://arxiv.org/abs/2401.01234v2)\n"
        "A. Lind; Journal of Coasts, 2025; cited by 3; doi:10.1000/jcr.77; pdf: https://arxiv.org/pdf/2401.01234\n"
        "a longer snippet\n\n2. [Tides](https://example.org/x)"
    )
    assert result.urls == (PREPRINT.url, OTHER.url)


async def test_two_catalogues_of_the_web_tell_of_one_work(context: ToolContext) -> None:
    cases = {f"https://{case.name}.example": case for case in CASES if case.name in ("crossref", "semantic_scholar")}
    web = ScriptedWeb(lambda request: WebReply(200, request.url, {}, cases[request.url].content("found.json")))
    scholar = Scholar([case.engine(web, url) for url, case in cases.items()])
    result = await run(context, scholar, QUERY)
    entries = result.text.split("\n\n")
    assert entries[0] == f'4 works for "{QUERY}":'
    assert entries[1] == (
        "1. [Optics of the Ostra lighthouse](https://www.semanticscholar.org/paper/d4d0f5e248e9fa86f303919206037f1a8e9a93eb)\n"
        "Ivo Marek, C. Rossi; Journal of Coastal Light, 2024; cited by 1,901; doi:10.5555/ostra.1884; "
        "pdf: https://arxiv.org/pdf/2403.01884\nWe measure the lens of a lighthouse."
    )
    assert result.text.count("Optics of the Ostra lighthouse") == 1 and len(web.asked) == 2


async def test_how_many_sign_is_said_only_where_it_is_known(context: ToolContext) -> None:
    for count, said in ((5, "A, A, A, A and 1 more;"), (50, "A, A, A, A and at least 46 more;")):
        many = PRINT.model_copy(update={"work": Work(authors=("A",) * count, cited_by=0)})
        assert said in (await run(context, Scholar([ScriptedEngine("a", many)]), "x")).text


async def test_a_silent_catalogue_is_said_and_does_not_spoil_the_others(context: ToolContext) -> None:
    one = ScriptedEngine("a", PRINT, silent=("two", "three"))
    scholar = Scholar([one, ScriptedEngine("b", silent=("one", "two"))], ScholarConfig(max_queries=3))
    result = await run(context, scholar, "one", "two", "three", "four")
    assert '1 work for "one" (1 of 2 catalogues did not answer):' in result.text
    assert 'The search for "two" could not be made. That says nothing' in result.text
    assert (
        'The search for "three" found nothing (1 of 2 catalogues did not answer). That says nothing about what exists.'
    ) in result.text
    assert "Left out, more than 3 queries in one call: four" in result.text
    assert "catalogue.example" not in result.text


async def test_operators_narrow_what_catalogues_are_asked(context: ToolContext) -> None:
    one = ScriptedEngine("a", PRINT)
    result = await run(context, Scholar([one]), "pruning after:2022 -site:x.com", "after:2022")
    asked = SearchQuery(text="pruning", since="2022-01-01", without_domains=("x.com",))
    assert one.asked == [asked]
    assert '1 work for "pruning after:2022 -site:x.com":' in result.text
    assert 'The query "after:2022" was not sent: it holds no words' in result.text and not result.infra
    with pytest.raises(ToolError, match="holds no words") as caught:
        await run(context, Scholar([one]), "after:2022", "-site:x.com")
    assert caught.value.kind == "arguments" and len(one.asked) == 1


async def test_that_no_work_matches_takes_the_word_of_two(context: ToolContext) -> None:
    silent, empty = ScriptedEngine("a", silent=("zz",)), ScriptedEngine("b")
    for engines in ([silent, empty], [empty, silent, silent, silent]):
        with pytest.raises(ToolError, match=r"Too few .* no sign that nothing exists") as caught:
            await run(context, Scholar(engines), "zz")
        assert caught.value.kind == "upstream"
    two = await run(context, Scholar([empty, ScriptedEngine("c"), silent]), "zz")
    assert two.text == 'No work matches "zz" (1 of 3 catalogues did not answer). Other words may help.'
    alone = await run(context, Scholar([empty]), "zz")
    assert alone.text == (
        'No work matches "zz" (one catalogue only; nothing confirms that there is nothing). Other words may help.'
    )


async def test_what_no_catalogue_can_be_asked_is_for_the_model_to_mend(context: ToolContext) -> None:
    narrow = [ScriptedEngine(name, silent=("x",), kind="rejected") for name in "ab"]
    with pytest.raises(ToolError, match="ask without them") as caught:
        await run(context, Scholar(narrow), "x")
    assert caught.value.kind == "arguments"
    beside = await Scholar([*narrow, ScriptedEngine("c"), ScriptedEngine("d")]).run({"query": ["x"]}, context)
    assert not beside.infra


async def test_where_none_answers_the_call_is_an_error(context: ToolContext) -> None:
    with pytest.raises(ToolError, match="no sign that nothing exists") as caught:
        await run(context, Scholar([ScriptedEngine("a", silent=("x",))]), "x")
    assert caught.value.kind == "upstream"
    with pytest.raises(ToolError):
        await run(context, Scholar([ScriptedEngine("a")]), " ")
    with pytest.raises(ValueError, match="at least one"):
        Scholar([])


async def test_that_all_catalogues_are_full_is_said_as_such(context: ToolContext) -> None:
    full, slow = (ScriptedEngine(kind, silent=("x",), kind=kind) for kind in ("saturated", "timeout"))
    with pytest.raises(ToolError, match="at their limit just now") as caught:
        await run(context, Scholar([full]), "x")
    assert caught.value.kind == "saturated"
    with pytest.raises(ToolError) as caught:
        await run(context, Scholar([full, slow]), "x")
    assert caught.value.kind == "upstream"


def test_what_a_catalogue_found_earlier_is_said_to_be_old(tmp_path: Path) -> None:
    async def main() -> None:
        context = ToolContext(task=Task(id="t", question="q"), world=small_world(tmp_path))
        old, new = ScriptedEngine("a", PREPRINT), ScriptedEngine("b", OTHER)
        asks = gateway()
        config = ServiceConfig(keep_s=10, deadline_s=60)
        scholar = Scholar([GatedEngine(asks, old, config), GatedEngine(asks, new, config)])
        assert (await run(context, scholar, "x")).text.startswith('2 works for "x":')
        await asyncio.sleep(11)
        old.silent = ("x", "y")
        said = (await run(context, scholar, "x")).text
        told = "1 of 2 catalogues did not answer now, what they found earlier is shown"
        assert said.startswith(f'2 works for "x" ({told}):')
        assert (await run(context, scholar, "y")).text.startswith('1 work for "y" (1 of 2 catalogues did not answer):')

    run_virtual(main())


async def test_what_engines_say_is_on_record(context: ToolContext) -> None:
    journal = MemoryJournal()
    engine = ScriptedEngine("crossref", PRINT, silent=("down",))
    journaled = JournaledEngine(engine, journal, Meter())
    assert await journaled.search(SearchQuery(text="x", k=3)) == (PRINT,)
    with pytest.raises(WorldUnavailableFault) as caught:
        await journaled.search(SearchQuery(text="down"))
    assert caught.value.kind == "rate_limited"
    assert [body["message"] for kind, body in journal.log if kind == "world_finished" and "raised" in body] == [
        "catalogue.example:443 says 429"
    ]
    await journaled.close()
