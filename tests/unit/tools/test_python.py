"""What the model reads of code that was run."""

from pathlib import Path

import pytest
from tests.code_sandboxes import ScriptedCodeSandbox
from tests.worlds import small_world

from fathom.core.budget import Meter
from fathom.core.errors import ProviderFault, ToolError
from fathom.core.events import MemoryJournal
from fathom.core.message import ToolCall
from fathom.core.task import Task
from fathom.llm.calling import calling
from fathom.llm.toolcalls import parse_tagged
from fathom.llm.wire import CODE_TOOL
from fathom.sandbox.code.gated import GatedSandbox, code_service
from fathom.sandbox.code.journaled import JournaledSandbox
from fathom.sandbox.code.protocol import CodeResult, MadeFile
from fathom.sandbox.gateway.gateway import Gateway
from fathom.tools.protocol import ToolContext
from fathom.tools.python import SPEC, PythonConfig, PythonInterpreter, observation
from fathom.tools.toolset import Toolset


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    return ToolContext(task=Task(id="t", question="q"), world=small_world(tmp_path))


def test_name_and_form_are_those_of_the_released_system() -> None:
    assert SPEC.name == CODE_TOOL == "PythonInterpreter"
    offered = calling("tagged").offer([SPEC]).system_text
    assert '"name": "PythonInterpreter"' in offered and '"properties": {}' in offered and "<code>" in offered


def test_the_model_is_told_what_can_be_imported_only_where_something_is_missing() -> None:
    sandbox = ScriptedCodeSandbox()
    assert PythonInterpreter(sandbox).spec is SPEC
    other = PythonConfig(packages=("sympy", "scipy", "pandas", "numpy"))
    assert PythonInterpreter(sandbox, other).spec is SPEC
    more = PythonConfig(packages=("sympy", "scipy", "pandas", "numpy", "networkx"))
    assert "networkx" in PythonInterpreter(sandbox, more).spec.description
    some = PythonInterpreter(sandbox, PythonConfig(packages=("numpy", "sympy"))).spec
    assert some.description.endswith(
        "Only printed results can be seen. Beside the standard library these can be imported where the sandbox has "
        "them: numpy, sympy."
    )
    assert some.model_copy(update={"description": SPEC.description}) == SPEC
    none = PythonInterpreter(sandbox, PythonConfig(packages=())).spec
    assert none.description.endswith("Only the standard library can be imported.") and "numpy" not in none.description


async def test_code_outside_of_the_json_reaches_the_sandbox(context: ToolContext) -> None:
    text = '<tool_call>\n{"name": "PythonInterpreter", "arguments": {}}\n<code>\nprint("</x>")\n</code>\n</tool_call>'
    (call,) = parse_tagged(text, call_id=lambda n: f"c{n}").calls
    sandbox = ScriptedCodeSandbox(CodeResult(end="ok", stdout="</x>\n"))
    result = await Toolset([PythonInterpreter(sandbox)]).run(call, context)
    assert sandbox.asked == [('print("</x>")', "")] and result.text == "stdout:\n</x>"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (CodeResult(end="ok"), "Finished execution."),
        (CodeResult(end="ok", stdout="1\n", stderr="warned\n"), "stdout:\n1\nstderr:\nwarned"),
        (CodeResult(end="error", stderr="ValueError: x\n"), "stderr:\nValueError: x"),
        (CodeResult(end="error"), "The code ended with an error and no message."),
        (CodeResult(end="memory"), "The code ran out of memory."),
        (CodeResult(end="died"), "The process of the code ended before the code did."),
        (
            CodeResult(end="ok", files=(MadeFile(name="a.csv", data=b"123"),), files_left_out=2),
            "files: a.csv (3 bytes), 2 more, too large or too many to keep\nFinished execution.",
        ),
    ],
)
def test_what_is_read_of_a_run(result: CodeResult, text: str) -> None:
    assert observation(result) == text


def test_what_was_stopped_says_so_below_what_it_printed() -> None:
    for end, word in (("timeout", "too long"), ("output", "too much")):
        lines = observation(CodeResult(end=end, stdout="so far\n")).splitlines()  # type: ignore[arg-type]
        assert lines[:2] == ["stdout:", "so far"] and word in lines[2]


async def test_a_sandbox_that_fails_is_no_word_about_the_code_nor_about_the_machine(context: ToolContext) -> None:
    sandbox = ScriptedCodeSandbox(ProviderFault("http://10.0.0.1:8080 /srv/sandbox refused"))
    with pytest.raises(ToolError, match="says nothing about the code") as caught:
        await PythonInterpreter(sandbox).run({"code": "1"}, context)
    assert caught.value.kind == "upstream" and "10.0.0.1" not in str(caught.value) and "/srv" not in str(caught.value)


async def test_that_there_is_no_room_is_said_as_such_and_is_no_evidence(context: ToolContext) -> None:
    sandbox = ScriptedCodeSandbox(ProviderFault("10.0.0.1 is full", kind="saturated"))
    with pytest.raises(ToolError, match="no evidence") as caught:
        await PythonInterpreter(sandbox).run({"code": "1"}, context)
    assert caught.value.kind == "saturated" and "10.0.0.1" not in str(caught.value)


async def test_code_that_another_sandbox_had_to_run_says_so(context: ToolContext) -> None:
    ran = CodeResult(end="ok", stdout="42\n")
    first, second = ScriptedCodeSandbox(ProviderFault("http://here:1 is gone"), ran), ScriptedCodeSandbox(ran)
    second.name = "swe_rex"
    sandbox = GatedSandbox(Gateway(), [first, second], code_service(1.0))
    journal = MemoryJournal()
    text = (await PythonInterpreter(JournaledSandbox(sandbox, journal, Meter())).run({"code": "x"}, context)).text
    assert "was run by another one" in text and text.endswith("stdout:\n42")
    assert "swe_rex" not in text and "here" not in text
    usual = GatedSandbox(Gateway(), [ScriptedCodeSandbox(ran), second], code_service(1.0))
    assert (await PythonInterpreter(usual).run({"code": "x"}, context)).text == "stdout:\n42"


async def test_blank_code_is_an_argument_error(context: ToolContext) -> None:
    with pytest.raises(ToolError) as caught:
        await Toolset([PythonInterpreter(ScriptedCodeSandbox())]).run(
            ToolCall(id="c", name=CODE_TOOL, arguments={"code": " \n"}), context
        )
    assert caught.value.kind == "arguments"


async def test_a_stateful_interpreter_has_a_session_and_says_when_it_was_lost(context: ToolContext) -> None:
    fresh, kept = CodeResult(end="ok", stdout="x"), CodeResult(end="ok", stdout="x", fresh=False)
    sandbox = ScriptedCodeSandbox(fresh, kept, fresh)
    tool = PythonInterpreter(sandbox, PythonConfig(stateful=True), session="attempt 7")
    texts = [(await tool.run({"code": "x"}, context)).text for _ in range(3)]
    assert {session for _, session in sandbox.asked} == {"attempt 7"}
    assert texts[0] == texts[1] == "stdout:\nx" and texts[2].startswith("The interpreter began anew")
    await tool.close()
    assert sandbox.ended == ["attempt 7"]
    with pytest.raises(ValueError, match="session"):
        PythonInterpreter(sandbox, PythonConfig(stateful=True))


async def test_without_state_no_session_is_named(context: ToolContext) -> None:
    sandbox = ScriptedCodeSandbox(CodeResult(end="ok"))
    tool = PythonInterpreter(sandbox, session="attempt 7")
    await tool.run({"code": "x"}, context)
    await tool.close()
    assert sandbox.asked == [("x", "")] and sandbox.ended == []
