"""Code behind the gateway: a session stays where its variables are, and what is ended stays ended."""

import asyncio

import pytest
from tests.code_sandboxes import ScriptedCodeSandbox

from fathom.core.errors import ProviderFault
from fathom.sandbox.code.gated import GatedSandbox, code_service
from fathom.sandbox.code.protocol import CodeResult
from fathom.sandbox.gateway.gateway import Gateway

OK = CodeResult(end="ok")


def down(kind: ProviderFault.Kind = "server") -> ProviderFault:
    return ProviderFault("down", kind=kind)


def gated(*sandboxes: ScriptedCodeSandbox) -> GatedSandbox:
    for number, sandbox in enumerate(sandboxes):
        sandbox.name = f"place {number}"
    return GatedSandbox(Gateway(), sandboxes, code_service(1.0))


def codes(sandbox: ScriptedCodeSandbox) -> list[str]:
    return [code for code, _ in sandbox.asked]


async def test_a_session_stays_where_it_is_when_that_one_fails_for_a_moment() -> None:
    here, there = ScriptedCodeSandbox(OK, down(), OK, OK), ScriptedCodeSandbox(OK)
    sandbox = gated(here, there)
    results = [await sandbox.run(code, "s") for code in ("a", "b", "c")]
    assert codes(here) == ["a", "b", "b", "c"] and codes(there) == [] and here.ended == []
    assert [result.note for result in results] == ["", "", ""]
    await sandbox.close()


async def test_a_session_moves_only_when_its_home_is_down_and_then_stays_there() -> None:
    here, there = ScriptedCodeSandbox(OK, down(), down(), OK), ScriptedCodeSandbox(OK, down(), OK, OK)
    sandbox = gated(here, there)
    results = [await sandbox.run(code, "s") for code in ("a", "b", "c", "d")]
    assert codes(here) == ["a", "b", "b"] and codes(there) == ["b", "c", "c", "d"]
    assert here.ended == ["s"] and [result.note for result in results] == ["", "backup", "backup", "backup"]
    assert (await sandbox.run("e")).note == "" and codes(here)[-1] == "e"  # whatever has no variables
    await sandbox.close()


class BusyPlace(ScriptedCodeSandbox):
    """Takes its time for the code `long`, until it is cancelled or `done` is set."""

    def __init__(self, *results: CodeResult | Exception) -> None:
        super().__init__(*results)
        self.done = asyncio.Event()
        self.running = 0

    async def run(self, code: str, session: str = "") -> CodeResult:
        self.running += 1
        try:
            result = await super().run(code, session)
            if code == "long":
                await self.done.wait()
            return result
        finally:
            self.running -= 1


async def test_a_session_waits_for_its_home_when_that_one_is_busy() -> None:
    here, there = BusyPlace(*[OK] * 70), ScriptedCodeSandbox(*[OK] * 9)
    sandbox = gated(here, there)
    await sandbox.run("a", "s")
    others = [asyncio.create_task(sandbox.run("long")) for _ in range(64)]  # as many as a lane takes
    await asyncio.sleep(0.05)
    mine = asyncio.create_task(sandbox.run("b", "s"))
    await asyncio.sleep(0.05)
    assert not mine.done() and codes(there) == []
    here.done.set()
    await asyncio.gather(mine, *others)
    assert codes(there) == [] and codes(here)[-1] == "b"
    await sandbox.close()


async def test_a_run_that_was_given_up_ends_with_its_session_and_does_not_come_back() -> None:
    here, there = BusyPlace(OK, OK, OK), BusyPlace(OK)
    sandbox = gated(here, there)
    await sandbox.run("a", "s")
    given_up = asyncio.create_task(sandbox.run("long", "s"))
    await asyncio.sleep(0.01)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    assert here.running == 1  # the gateway's call goes on
    async with asyncio.timeout(1):
        await sandbox.end("s")
    assert here.running == 0 and "s" in here.ended and "s" in there.ended
    await asyncio.sleep(1)  # for longer than the gateway waits before it asks again
    assert codes(here) == ["a", "long"] and codes(there) == []
    await sandbox.run("b", "s")
    assert codes(here)[-1] == "b"
    await sandbox.close()


async def test_whoever_still_waits_for_a_run_of_an_ended_session_is_told_of_a_fault() -> None:
    here = BusyPlace(OK, OK)
    sandbox = gated(here)
    waiting = asyncio.create_task(sandbox.run("long", "s"))
    await asyncio.sleep(0.01)
    await sandbox.end("s")
    with pytest.raises(ProviderFault):
        async with asyncio.timeout(20):
            await waiting
    assert codes(here) == ["long"]
    await sandbox.close()
