"""`PythonInterpreter`: code in isolation. The name is that of the released system, and so is that the code travels
outside of the JSON in tagged text (`llm/wire.py`).

Reference: Tongyi DeepResearch report, tools; the wording of results is our own.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import ProviderFault, ToolError
from fathom.core.message import ToolSpec
from fathom.llm.wire import CODE_TOOL
from fathom.sandbox.code.protocol import CodeResult, CodeSandbox, End
from fathom.tools.protocol import ToolContext, ToolResult

PACKAGES = ("numpy", "pandas", "scipy", "sympy")

SPEC = ToolSpec(
    name=CODE_TOOL,
    description=(
        "Runs Python code in isolation, without network, and gives what it prints. Only printed results can be seen. "
        "Beside the standard library, numpy, pandas, scipy and sympy can be imported where they are installed."
    ),
    parameters={
        "type": "object",
        "properties": {"code": {"type": "string", "description": "The Python code to run."}},
        "required": ["code"],
    },
)

_NOTES: dict[End, str] = {
    "timeout": "The code was stopped: it took too long. What it printed until then is above.",
    "memory": "The code ran out of memory.",
    "output": "The code was stopped: it printed far too much.",
    "died": "The process of the code ended before the code did.",
}


_UPSTREAM = "The code could not be run just now. That says nothing about the code."
_SATURATED = (
    "There is no room to run code just now. That says nothing about the code, and is no evidence; try again later."
)
_MOVED = "(The usual interpreter did not answer; this was run by another one, whose packages may differ.)"


class PythonConfig(Config):
    """Settings of the interpreter as a tool."""

    stateful: bool = Field(
        default=False, description="whether runs of one attempt see each other's variables and files"
    )
    public: bool = Field(default=False, description="whether code may get to a server that is not the user's own")
    packages: tuple[str, ...] = Field(
        default=PACKAGES, description="what can be imported beside the standard library, where it is installed"
    )


def spec(packages: Sequence[str] = PACKAGES) -> ToolSpec:
    """What the model is told of the tool. Where its packages are not the usual ones it is told which they are."""
    if set(PACKAGES) == set(packages):
        return SPEC
    told = f"Beside the standard library these can be imported where the sandbox has them: {', '.join(packages)}."
    told = told if packages else "Only the standard library can be imported."
    return SPEC.model_copy(update={"description": f"{SPEC.description.partition(' Beside ')[0]} {told}"})


class PythonInterpreter:
    """Runs code in `sandbox`. `session` names the attempt that this tool belongs to. What the code does wrong, too, is
    an observation; that it could not be run at all is an error of kind `upstream` or `saturated`, which says nothing
    about the code.
    """

    def __init__(self, sandbox: CodeSandbox, config: PythonConfig = PythonConfig(), session: str = "") -> None:
        self.spec = spec(config.packages)
        if config.stateful and not session:
            raise ValueError("a stateful interpreter needs the name of a session")
        self._sandbox, self._config = sandbox, config
        self._session = session if config.stateful else ""
        self._used = False

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> ToolResult:
        code = arguments["code"]
        if not code.strip():
            raise ToolError("arguments", f"{CODE_TOOL}: there is no code.")
        if self._config.public and context.boundary.private:
            raise ToolError("denied", "Not run: this run holds private text, and code is run by a server elsewhere.")
        try:
            result = await self._sandbox.run(code, self._session)
        except ProviderFault as fault:
            full = fault.kind == "saturated"
            raise (ToolError("saturated", _SATURATED) if full else ToolError("upstream", _UPSTREAM)) from None
        lost = bool(self._session) and self._used and result.fresh
        self._used = True
        return ToolResult(text=observation(result, lost=lost))

    async def close(self) -> None:
        """Forget the session, when the attempt is over. Others go on using the sandbox."""
        if self._session:
            await self._sandbox.end(self._session)


def observation(result: CodeResult, *, lost: bool = False) -> str:
    """What the model reads of a run. `lost`: the variables of runs before it were gone."""
    parts = [_MOVED] if result.note == "backup" else []
    if lost:
        parts.append("The interpreter began anew: variables and files of earlier runs were gone.")
    if result.stdout.strip():
        parts.append(f"stdout:\n{result.stdout.rstrip()}")
    if result.stderr.strip():
        parts.append(f"stderr:\n{result.stderr.rstrip()}")
    if result.files or result.files_left_out:
        made = [f"{file.name} ({len(file.data)} bytes)" for file in result.files]
        if result.files_left_out:
            made.append(f"{result.files_left_out} more, too large or too many to keep")
        parts.append(f"files: {', '.join(made)}")
    if result.end in _NOTES:
        parts.append(_NOTES[result.end])
    elif not result.stdout.strip() and not result.stderr.strip():
        parts.append("Finished execution." if result.end == "ok" else "The code ended with an error and no message.")
    return "\n".join(parts)
