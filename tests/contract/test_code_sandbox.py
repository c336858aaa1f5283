"""What every code sandbox must do, here or elsewhere. Those of this machine run real code; one that cannot be had here
is skipped with the reason, but on Linux one that isolates must be had."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from tests.code_sandboxes import LIMITS, CodeServer, small, started, way_out

from fathom.core.errors import ConfigError, ProviderFault
from fathom.sandbox.code.protocol import CodeSandbox
from fathom.sandbox.code.remote import RemoteCodeConfig, RemoteSandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = ("bubblewrap", "landlock", "wasm")


async def elsewhere(kind: Any, stack: AsyncExitStack) -> CodeSandbox:
    """A service on the loopback address that speaks one of the APIs, over a sandbox of this machine."""
    behind = await local(stack, *HERE)
    server = await stack.enter_async_context(CodeServer(behind))
    return RemoteSandbox(RemoteCodeConfig(kind=kind, url=server.url, limits=LIMITS), way_out())


async def local(stack: AsyncExitStack, *kinds: Any) -> CodeSandbox:
    """The first of these that this machine can have. Raises `ConfigError` where it has none."""
    for kind in kinds:
        try:
            sandbox = await started(kind, small())
        except ConfigError as error:
            if kind == kinds[-1]:
                raise ConfigError(f"{kind}: {error}") from None
        else:
            stack.push_async_callback(sandbox.close)
            return sandbox
    raise AssertionError


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[*HERE, "sandbox_fusion", "swe_rex"])
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[CodeSandbox]:
    async with AsyncExitStack() as stack:
        try:
            made = await (local if request.param in HERE else elsewhere)(
                *((stack, request.param) if request.param in HERE else (request.param, stack))
            )
        except ConfigError as error:
            pytest.skip(f"not to be had here: {error}")
        stack.push_async_callback(made.close)
        yield made


def is_remote(sandbox: CodeSandbox) -> bool:
    return isinstance(sandbox, RemoteSandbox)


async def test_what_code_prints_and_how_it_ends(sandbox: CodeSandbox) -> None:
    result = await sandbox.run("import sys\nprint('é', 6 * 7)\nprint('to stderr', file=sys.stderr)")
    assert (result.end, result.stdout.strip(), result.stderr.strip()) == ("ok", "é 42", "to stderr")
    assert result.fresh and not result.stdout_cut and 0 < result.seconds < 60
    silent = await sandbox.run("x = 1")
    assert (silent.end, silent.stdout, silent.stderr) == ("ok", "", "")


async def test_an_exception_is_a_result_with_its_traceback(sandbox: CodeSandbox) -> None:
    result = await sandbox.run("print('before')\ndef f():\n    return 1 / 0\nf()")
    assert result.end == "error" and result.stdout.strip() == "before"
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "return 1 / 0" in result.stderr and '"<code>", line 3' in result.stderr


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("import sys; sys.exit()", "ok"),
        ("import sys; sys.exit(3)", "error"),
        ("exit(0)", "ok"),
        ("raise SystemExit('because')", "error"),
        ("if", "error"),
        ("x = '\0'", "error"),
        ("print('\ud800')", None),
        ("", "ok"),
        ("\n" * 1000 + "'" * 3, "error"),
        ("(" * 5000, None),
    ],
)
async def test_any_text_is_taken(sandbox: CodeSandbox, code: str, end: str | None) -> None:
    result = await sandbox.run(code)
    assert result.end == end or end is None
    assert (await sandbox.run("print(1)")).stdout.strip() == "1"


async def test_time_is_limited_and_a_session_that_was_stopped_begins_afresh(sandbox: CodeSandbox) -> None:
    await sandbox.run("x = 1", "s")
    endless = "print('so far', flush=True)\nwhile True: pass"
    alone, in_session = await asyncio.gather(sandbox.run(endless), sandbox.run(endless, "s"))
    assert alone.end == in_session.end == "timeout" and alone.seconds >= LIMITS.timeout_s
    assert is_remote(sandbox) or alone.stdout.strip() == "so far"
    after = await sandbox.run("print('x' in globals())", "s")
    assert after.fresh and after.stdout.strip() == "False"
    await sandbox.end("s")


async def test_memory_is_limited(sandbox: CodeSandbox) -> None:
    result = await sandbox.run("held = [bytearray(10_000_000) for _ in range(40)]\nprint(len(held))")
    assert result.end == "memory" and result.stdout == ""


async def test_output_is_cut_in_the_middle_and_a_flood_is_stopped(sandbox: CodeSandbox) -> None:
    long = await sandbox.run("print('begin' + 'x' * 20000 + 'end')")
    assert long.end == "ok" and len(long.stdout) < LIMITS.stream_bytes + 100
    assert long.stdout_cut and long.stdout.startswith("begin") and long.stdout.rstrip().endswith("end")
    assert "bytes left out" in long.stdout
    flood = await sandbox.run("line = 'y' * 9999\nwhile True: print(line)")
    assert flood.end == "output" and len(flood.stdout) < LIMITS.stream_bytes + 100


async def test_runs_know_nothing_of_each_other(sandbox: CodeSandbox) -> None:
    await sandbox.run("import builtins\nleft = builtins.left = 1")
    result = await sandbox.run("import builtins\nprint('left' in globals(), hasattr(builtins, 'left'))")
    assert result.stdout.strip() == "False False" and result.fresh


async def test_a_session_keeps_its_variables_and_no_other_sees_them(sandbox: CodeSandbox) -> None:
    first = await sandbox.run("x = 20\nprint('first')", "a")
    second = await sandbox.run("x += 22\nprint(x)", "a")
    other = await sandbox.run("print('x' in globals())", "b")
    assert (first.fresh, second.fresh, other.fresh) == (True, False, True)
    assert (second.stdout.strip(), other.stdout.strip()) == ("42", "False")
    failed = await sandbox.run("x = 7\n1 / 0", "a")
    kept = await sandbox.run("print(x)", "a")
    assert failed.end == "error" and kept.stdout.strip() == "7" and not kept.fresh
    await sandbox.end("a")
    await sandbox.end("a")
    assert (await sandbox.run("print('x' in globals())", "a")).stdout.strip() == "False"
    await asyncio.gather(sandbox.end("a"), sandbox.end("b"), sandbox.end("never"))


async def test_runs_of_one_session_come_one_after_the_other(sandbox: CodeSandbox) -> None:
    await sandbox.run("n = 0", "q")
    results = await asyncio.gather(*(sandbox.run("n += 1\nprint(n)", "q") for _ in range(4)))
    assert sorted(int(result.stdout) for result in results) == [1, 2, 3, 4]
    await sandbox.end("q")


async def test_many_runs_at_once_get_each_their_own_result(sandbox: CodeSandbox) -> None:
    results = await asyncio.gather(*(sandbox.run(f"print({number} ** 2)") for number in range(10)))
    assert [int(result.stdout) for result in results] == [number**2 for number in range(10)]


async def test_a_process_that_ends_too_early_is_told_apart(sandbox: CodeSandbox) -> None:
    result = await sandbox.run("import os\nprint('said', flush=True)\nos._exit(0)")
    assert result.end == "died" and result.stdout.strip() in ("said", "")


async def test_nothing_of_the_machine_is_told(sandbox: CodeSandbox) -> None:
    code = "import json\njson.loads('{')"
    result = await sandbox.run(code)
    assert "JSONDecodeError" in result.stderr
    for told in (sys.prefix, sys.base_prefix, "fathom-code-", "/tmp"):
        assert told not in result.stderr


async def test_a_closed_sandbox_runs_nothing() -> None:
    async with AsyncExitStack() as stack:
        try:
            made = await local(stack, *HERE)
        except ConfigError as error:
            pytest.skip(f"not to be had here: {error}")
        await made.close()
        await made.close()
        with pytest.raises(ProviderFault):
            await made.run("print(1)")


@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap and Landlock are Linux's")
async def test_this_linux_isolates_with_its_own_means() -> None:
    pytest.importorskip("sandlock", reason="the extra `sandbox` is not installed")
    async with AsyncExitStack() as stack:
        assert (await local(stack, "bubblewrap", "landlock")).name in ("bubblewrap", "landlock")
