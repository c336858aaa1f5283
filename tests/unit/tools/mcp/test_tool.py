"""Tools of servers: what of their words reaches the model, and how replies and failures are told."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.mcp_program import INJECTION, SCHEMA, Offering
from tests.worlds import small_world

from fathom.core.budget import Meter
from fathom.core.errors import AccessDeniedError, ProviderFault, ToolError
from fathom.core.events import MemoryJournal
from fathom.core.evidence import Page
from fathom.core.message import ToolCall
from fathom.core.task import Task
from fathom.tools.mcp.journaled import JournaledMcp
from fathom.tools.mcp.offers import NAME_CHARS, UnfitOfferError, spec_of, tool_names
from fathom.tools.mcp.protocol import McpOffer, McpPart, McpReply
from fathom.tools.mcp.tool import McpToolConfig, mcp_tools
from fathom.tools.protocol import ToolContext, ToolResult
from fathom.tools.toolset import Toolset

NOON = "2026-01-01T12:00:00Z"
OFFERS = tuple(
    McpOffer(name=row["name"], description=row["description"], parameters=row["inputSchema"]) for row in Offering.tools
)


class ScriptedMcp:
    """A server that offers these tools and gives this reply, or raises it."""

    def __init__(
        self, name: str = "hand", reply: McpReply | Exception = McpReply(), offers: tuple[McpOffer, ...] = OFFERS[:1]
    ) -> None:
        self.name, self.reply, self._offers, self.public = name, reply, offers, False
        self.calls: list[tuple[str, dict[str, Any]]] = []

    async def offers(self) -> tuple[McpOffer, ...]:
        if not self._offers:
            raise ProviderFault(f"mcp {self.name}: port 8081 is closed", kind="refused")
        return self._offers

    async def call(self, name: str, arguments: dict[str, Any]) -> McpReply:
        self.calls.append((name, arguments))
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    async def close(self) -> None:
        return None


def words(*texts: str, **more: Any) -> McpReply:
    return McpReply(parts=tuple(McpPart(kind="text", text=text) for text in texts), at=NOON, **more)


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    return ToolContext(task=Task(id="t", question="Who built the lighthouse of Ostra?"), world=small_world(tmp_path))


async def run(
    context: ToolContext, port: ScriptedMcp, config: McpToolConfig = McpToolConfig(), **arguments: Any
) -> ToolResult:
    tools, _ = await mcp_tools([port], config)
    call = ToolCall(id="c", name=tools[0].spec.name, arguments={"text": "x", **arguments})
    return await Toolset(tools).run(call, context)


async def test_a_reply_is_evidence_with_exact_spans(context: ToolContext) -> None:
    port = ScriptedMcp(reply=words("Ada Lindqvist built it.", "In 1884."))
    result = await run(context, port)
    (item,) = context.evidence
    assert item.url == "mcp:hand/echo" and item.text == "Ada Lindqvist built it.\n\nIn 1884."
    assert result.text == f"What echo of hand gives:\n[E1] {item.text}" and result.evidence == ("E1",)
    assert port.calls == [("echo", {"text": "x"})] and item.fetched_at == NOON


async def test_of_a_long_reply_what_is_nearest_is_shown_and_the_rest_is_said(context: ToolContext) -> None:
    filler = "\n\n".join(f"Line {n} of a log that says nothing of use to anyone." for n in range(2000))
    reply = words(f"{filler}\n\nThe lighthouse of Ostra: Ada Lindqvist.\n\n{filler}")
    result = await run(context, ScriptedMcp(reply=reply), McpToolConfig(reply_chars=1000))
    assert "Ada Lindqvist" in result.text and len(result.text) < 1500
    assert "characters are shown, those nearest to the question" in result.text


async def test_pictures_and_sound_are_named_and_never_passed_over(context: ToolContext) -> None:
    parts = (
        McpPart(kind="image", media_type="image/png", size=1234),
        McpPart(kind="audio", media_type="audio/wav", size=9),
    )
    result = await run(context, ScriptedMcp(reply=McpReply(parts=parts, at=NOON)))
    assert "(with it came: image, image/png, 1,234 bytes, which cannot be shown here)" in result.text
    assert "audio/wav" in result.text and result.evidence == ()
    assert (await run(context, ScriptedMcp())).text.endswith("(nothing)")


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (words("no such city", failure="tool"), "failed", "hand__echo failed and says: no such city"),
        (words("text is too short", failure="arguments"), "arguments", "text is too short"),
        (McpReply(failure="unknown_tool"), "unknown_tool", "no reason was given"),
        (ProviderFault("10.0.0.7:99 refused", kind="refused"), "upstream", "could not be reached. This says nothing"),
        (ProviderFault("10.0.0.7:99 slow", kind="timeout"), "timeout", "did not answer in time. This says nothing"),
        (ProviderFault("10.0.0.7:99 full", kind="saturated"), "saturated", "cannot be asked just now.*is no evidence"),
        (AccessDeniedError("the tool 'echo' is not what it was"), "denied", "not what it was"),
    ],
)
async def test_failures_keep_their_kind_and_hosts_stay_out(
    context: ToolContext, reply: McpReply | Exception, kind: str, said: str
) -> None:
    with pytest.raises(ToolError, match=said) as caught:
        await run(context, ScriptedMcp(reply=reply))
    assert caught.value.kind == kind and "10.0.0.7" not in str(caught.value)


async def test_arguments_are_checked_before_the_server_is_asked(context: ToolContext) -> None:
    port = ScriptedMcp(reply=words("ok"))
    with pytest.raises(ToolError, match="'text' must be a string"):
        await run(context, port, text=["x"])
    assert port.calls == []


async def test_what_is_offered_is_made_fit_or_left_out_with_a_reason() -> None:
    tools, left_out = await mcp_tools([ScriptedMcp(offers=OFFERS), ScriptedMcp("down", offers=())])
    specs = {tool.spec.name: tool.spec for tool in tools}
    shown = json.dumps([spec.model_dump(mode="json") for spec in specs.values()])
    for forged in ("</tools>", "<tool_call>", "<|im_start|>", "\\u200b", "\\udb40"):
        assert forged not in shown and forged in json.dumps(INJECTION)
    assert specs["hand__echo"].description.startswith("(Tool of the server hand.) Echo. <\\/tools>")
    assert {row.tool: row.reason for row in left_out if row.tool} == {
        "key": "the name of an argument is not plain: '</tools>'",
        "value": "words that could pose as a turn, where they cannot be changed: '<tool_call>'",
        "big": "its schema has 40,037 characters, over the limit of 32,000",
    }
    assert [row.reason for row in left_out if row.server == "down"] == ["mcp down: port 8081 is closed"]
    for spec in specs.values():
        jsonschema.Draft202012Validator.check_schema(spec.parameters)


async def test_a_tool_that_says_nothing_of_its_arguments_takes_any(context: ToolContext) -> None:
    port = ScriptedMcp(offers=(OFFERS[-1],), reply=words("ok"))
    await run(context, port, anything={"goes": [1]})
    assert port.calls == [("free", {"text": "x", "anything": {"goes": [1]}})]


async def test_arguments_for_a_public_server_are_its_own_words_and_public_ones(context: ToolContext) -> None:
    port = ScriptedMcp(offers=(OFFERS[-1],), reply=words("ok"))
    port.public = True
    await run(context, port, text="any", secret={"x1": [True, None, 2]})
    context.boundary.show("See https://site.test/a, in 1884: text number list x")
    context.boundary.show("the code is falcon7", private=True)
    for hidden in (
        {"text": "falcon7"},
        {"falcon7": 1},
        {"list": [{"falcon7": "x"}]},
        {"number": 48213},
        {"text": "https://site.test/a?falcon7"},
        {"list": [True, False]},
        {"list": ["x", "", "x"]},
        {"list": [["x"], "x"]},
        {"list": [{"x": True}, {"x": None}]},
    ):
        with pytest.raises(ToolError, match=r"Not (sent|opened)"):
            await run(context, port, **hidden)
    del port.calls[:]
    await run(context, port, text="OSTRA\t \tlighthouse falcon://site.test/a#falcon7", ostra=1884, list=["X"], x=True)
    told = {"text": "Ostra lighthouse https://site.test/a", "Ostra": 1884, "list": ["x"], "x": True}
    assert port.calls == [("free", told)]


def test_names_tell_servers_and_tools_apart_and_do_not_depend_on_the_order() -> None:
    offers = [("a", "b__c"), ("a", "x y"), ("a", "x/y"), ("b", "x y"), ("a", "z" * 100), ("a", "z" * 101), ("a", "é")]
    names = tool_names(offers)
    assert len(set(names)) == len(offers) and all(len(name) <= NAME_CHARS for name in names)
    assert names[0] == "a__b__c" and names[3] == "b__x_y" and names[1].startswith("a__x_y_")
    assert tool_names(offers[::-1]) == names[::-1]


def test_words_of_a_server_are_short_and_in_one_line() -> None:
    spec = spec_of("s", "s__t", McpOffer(name="t", description="a\n\n" + "word " * 1000, parameters=SCHEMA))
    assert len(spec.description) < 900 and "\n" not in spec.description and spec.description.endswith(" ...")
    schema = {
        "type": "object",
        "title": INJECTION,
        "default": INJECTION,
        "properties": {"a": {"description": INJECTION}},
    }
    assert "title" not in spec_of("s", "s__t", McpOffer(name="t", parameters=schema)).parameters


@pytest.mark.parametrize("name", ["</tool_call>", "a\nb", "x" * 129, "a\u202eb"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UnfitOfferError):
        spec_of("s", "s__t", McpOffer(name=name, parameters=SCHEMA))


def test_a_schema_without_end_is_refused() -> None:
    deep: dict[str, Any] = {"type": "object"}
    for _ in range(60):
        deep = {"type": "object", "properties": {"a": deep}}
    with pytest.raises(UnfitOfferError, match="nested too deeply"):
        spec_of("s", "s__t", McpOffer(name="t", parameters=deep))


async def test_two_servers_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="share a name"):
        await mcp_tools([ScriptedMcp(), ScriptedMcp()])


async def test_offers_replies_and_failures_are_on_record() -> None:
    journal, pages = MemoryJournal(), dict[str, Page]()
    port = ScriptedMcp(reply=words("Ada Lindqvist"))
    journaled = JournaledMcp(port, journal, Meter(), pages)
    assert await journaled.offers() == OFFERS[:1]
    assert await journaled.call("echo", {"text": "x"}) == port.reply
    assert [page.text for page in pages.values()] == ["Ada Lindqvist"] == list(journal.texts.values())
    for error in (ProviderFault("down", kind="reset"), AccessDeniedError("no")):
        port.reply = error
        with pytest.raises(type(error), match=str(error)) as caught:
            await journaled.call("echo", {"text": "x"})
        assert not isinstance(error, ProviderFault) or caught.value.kind == "reset"
    raised = [body.get("raised") for kind, body in journal.log if kind == "tool_finished"]
    assert raised == [None, None, "fault", "denied"]
    await journaled.close()


@pytest.mark.parametrize(
    ("reply", "infra"),
    [
        (ProviderFault("slow", kind="timeout"), True),
        (ProviderFault("gone", kind="refused"), True),
        (ProviderFault("full", kind="saturated"), True),
        (words("no such city", failure="tool"), False),
        (words("too short", failure="arguments"), False),
    ],
)
async def test_only_what_says_nothing_about_the_question_counts_as_infrastructure(
    context: ToolContext, reply: McpReply | Exception, infra: bool
) -> None:
    with pytest.raises(ToolError) as caught:
        await run(context, ScriptedMcp(reply=reply))
    assert (caught.value.kind in ToolError.INFRASTRUCTURE) is infra
