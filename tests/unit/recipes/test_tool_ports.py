"""Tools' ports: opened once, and closed whatever becomes of one of them."""

import asyncio

import pytest
from tests.code_sandboxes import ScriptedCodeSandbox

from fathom.core.config import Environment
from fathom.recipes.tool_config import ToolsConfig
from fathom.recipes.tool_ports import LazySandbox, ToolPorts
from fathom.sandbox.code.protocol import CodeResult, CodeSandbox
from fathom.sandbox.gateway.gateway import Gateway


class Slow(LazySandbox):
    """Takes its time to find a sandbox."""

    def __init__(self) -> None:
        super().__init__(Gateway(), ToolsConfig(), Environment.read({}))
        self.found: list[CodeSandbox] = []

    async def _sandboxes(self) -> list[CodeSandbox]:
        await asyncio.sleep(0.01)
        self.found.append(ScriptedCodeSandbox(*[CodeResult(end="ok")] * 3))
        return self.found[-1:]


class Part:
    """Something to be closed, which may fail at it."""

    def __init__(self, closed: list[str], name: str, error: BaseException | None = None) -> None:
        self.closed, self.name, self.error = closed, name, error

    async def close(self) -> None:
        self.closed.append(self.name)
        if self.error is not None:
            raise self.error


async def test_two_runs_that_come_at_once_open_one_sandbox() -> None:
    sandbox = Slow()
    await asyncio.gather(sandbox.run("1"), sandbox.run("2"), sandbox.run("3"))
    assert len(sandbox.found) == 1
    await sandbox.close()


@pytest.mark.parametrize("error", [OSError("no"), asyncio.CancelledError()])
async def test_all_is_closed_in_its_order_whatever_becomes_of_one(error: BaseException) -> None:
    closed: list[str] = []
    ports = ToolPorts(owned=(Part(closed, "gateway", error), Part(closed, "way out")))
    with pytest.raises(type(error)):
        await ports.close()
    assert closed == ["gateway", "way out"]
