import json
from pathlib import Path

import pytest
from tests.worlds import PAGES, small_world

from fathom.core.errors import AccessDeniedError, ToolError, WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.core.message import ToolCall
from fathom.core.task import Task
from fathom.llm.scripted import ScriptedChat
from fathom.tools.protocol import ToolContext
from fathom.tools.search import Search, SearchConfig
from fathom.tools.toolset import Toolset
from fathom.tools.visit import Visit, VisitConfig
from fathom.world.faults import FaultyWorld
from fathom.world.protocol import Hit


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    return ToolContext(
        task=Task(id="t", question="Where did the director of Salt Road die?"), world=small_world(tmp_path)
    )


async def run(context: ToolContext, name: str, **arguments: object):
    toolset = Toolset([Search(SearchConfig(max_queries=2)), Visit(VisitConfig(max_pages=2))])
    return await toolset.run(ToolCall(id="c", name=name, arguments=dict(arguments)), context)


async def test_search_takes_several_queries_and_says_what_it_left_out(context: ToolContext) -> None:
    result = await run(context, "search", query=["Salt Road film", "lighthouse", "third"])
    assert "[Salt Road](wiki/Salt_Road)" in result.text and "[Ostra](wiki/Ostra)" in result.text
    assert result.text.count("=======") == 2 and "Left out" in result.text and "third" in result.text
    assert result.urls[0] == "wiki/Salt_Road" and len(result.urls) == len(result.titles)


async def test_nothing_found_and_not_reached_are_told_apart(context: ToolContext) -> None:
    assert "No page matches" in (await run(context, "search", query=["zzzz"])).text
    context.world = FaultyWorld(context.world, rate=1.0)
    with pytest.raises(ToolError, match="no sign that nothing exists") as caught:
        await run(context, "search", query=["Salt Road"])
    assert caught.value.kind == "upstream"


async def test_visit_gives_exact_spans_as_evidence_and_cites_a_span_once(context: ToolContext) -> None:
    first = await run(context, "visit", url=["wiki/Carla_Rossi", "wiki/Nowhere"], goal="Where did she die?")
    again = await run(context, "visit", url=["wiki/Carla_Rossi"], goal="When was she born?")
    (item,) = context.evidence
    assert item.id == "E1" and f"[E1] {item.text}" in first.text and "There is no page wiki/Nowhere." in first.text
    assert PAGES["Carla Rossi"][item.start : item.end] == item.text
    assert first.evidence == again.evidence == ("E1",)


async def test_a_visit_that_opens_nothing_is_an_error_of_its_true_kind(context: ToolContext) -> None:
    with pytest.raises(ToolError) as gone:
        await run(context, "visit", url=["wiki/Nowhere"], goal="x")
    context.world = FaultyWorld(context.world, rate=1.0)
    with pytest.raises(ToolError) as down:
        await run(context, "visit", url=["wiki/Ostra"], goal="x")
    assert (gone.value.kind, down.value.kind) == ("not_found", "upstream")


async def test_what_was_answered_in_part_only_is_marked(context: ToolContext) -> None:
    pages = context.world

    class Half:
        async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
            if query == "down":
                raise WorldUnavailableFault("no answer")
            return await pages.search(query, k)

        async def open(self, url: str) -> Page:
            if url == "wiki/Down":
                raise WorldUnavailableFault("no answer")
            return await pages.open(url)

    context.world = Half()
    for query, other, infra in (("down", "lighthouse", True), ("lantern", "lighthouse", False)):
        assert (await run(context, "search", query=[query, other])).infra == infra
    for url, infra in (("wiki/Down", True), ("wiki/Nowhere", False), ("wiki/Carla_Rossi", False)):
        assert (await run(context, "visit", url=[url, "wiki/Ostra"], goal="x")).infra == infra


async def test_an_address_that_may_not_be_opened_is_named_as_it_was_given_and_no_more(context: ToolContext) -> None:
    pages = context.world

    class Guarded:
        async def open(self, url: str) -> Page:
            if url.startswith("http"):
                raise AccessDeniedError("this address may not be opened: it leads to 10.1.2.3")
            return await pages.open(url)

    context.world = Guarded()
    context.boundary.show("see http://a.example/")
    with pytest.raises(ToolError) as denied:
        await run(context, "visit", url=["http://a.example/"], goal="x")
    assert (
        denied.value.kind == "denied" and str(denied.value) == "The address http://a.example/ may not be opened here."
    )
    with pytest.raises(ToolError) as mixed:
        await run(context, "visit", url=["http://a.example/", "wiki/Nowhere"], goal="x")
    assert mixed.value.kind == "denied"
    beside = await run(context, "visit", url=["http://a.example/", "wiki/Ostra"], goal="lighthouse")
    assert "may not be opened here" in beside.text and beside.evidence


async def test_a_reader_chooses_spans_by_id_and_cannot_add_any(context: ToolContext) -> None:
    reply = {"rational": "r", "evidence": ["E1", "E9"], "summary": "She died in Ostra."}
    context.reader = ScriptedChat([json.dumps(reply), "not json"])
    read = await run(context, "visit", url=["wiki/Carla_Rossi"], goal="Where did she die?")
    assert read.evidence == ("E1",) and read.text.endswith("Summary:\nShe died in Ostra.")
    unread = await run(context, "visit", url=["wiki/Ostra"], goal="x")
    assert unread.evidence == ("E2",) and "Summary" not in unread.text


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        ("serch", {"query": ["x"]}, "unknown_tool"),
        ("search", {}, "arguments"),
        ("search", {"query": []}, "arguments"),
        ("search", {"query": [1]}, "arguments"),
        ("search", {"query": ["  "]}, "arguments"),
        ("search", {"query": ["x"], "num": 3}, "arguments"),
        ("visit", {"url": ["wiki/Ostra"]}, "arguments"),
        ("visit", {"url": ["wiki/Ostra"], "goal": ["x"]}, "arguments"),
    ],
)
async def test_calls_that_do_not_fit_say_why(context: ToolContext, name: str, arguments: dict, kind: str) -> None:
    with pytest.raises(ToolError) as caught:
        await run(context, name, **arguments)
    assert caught.value.kind == kind


async def test_one_text_is_taken_for_a_list_of_one(context: ToolContext) -> None:
    assert (await run(context, "search", query="lighthouse")).urls == ("wiki/Ostra",)
