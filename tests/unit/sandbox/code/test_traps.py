"""What went wrong in sandboxes before, each on the real ones of this machine: those that cannot be had are skipped."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.code_sandboxes import LIMITS, eventually, marked, small, spawned, started

from fathom.bench.processes import processes
from fathom.core.errors import ConfigError, ProviderFault
from fathom.sandbox.code.battery.attempts import ALL
from fathom.sandbox.code.battery.baits import processes_with
from fathom.sandbox.code.battery.run import run_battery
from fathom.sandbox.code.choose import make_sandbox, spawn_plan
from fathom.sandbox.code.pool import PooledSandbox
from fathom.sandbox.code.protocol import CodeSandbox
from fathom.sandbox.code.spawning import SpawnedWorkers

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap and Landlock are Linux's"),
]

LOCAL = ("bubblewrap", "landlock")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=LOCAL)
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[CodeSandbox]:
    try:
        made = await started(request.param, small())
    except ConfigError as error:
        pytest.skip(f"not to be had here: {error}")
    yield made
    await made.close()


async def verdicts_on(sandbox: CodeSandbox, *names: str) -> dict[str, str]:
    attempts = [attempt for attempt in ALL if attempt.name in names]
    assert len(attempts) == len(names)
    verdicts = await run_battery(sandbox, attempts, LIMITS, at_once=4)
    assert not [verdict for verdict in verdicts if "at once:" in verdict.detail]  # what could not even be tried
    return {verdict.name: verdict.outcome for verdict in verdicts}


async def test_limits_of_processes_are_not_shared_between_sandboxes(sandbox: CodeSandbox) -> None:
    """With one limit for all that a user runs, a quarter of the runs failed at four at once."""
    greedy = f"""
import os, time
children = []
for _ in range({LIMITS.processes} // 2):
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    children.append(child)
print(len(children))
"""
    results = await asyncio.gather(*(sandbox.run(greedy) for _ in range(6)))
    assert [result.stdout.strip() for result in results] == [str(LIMITS.processes // 2)] * 6


async def test_fork_bombs_are_bounded_although_root_started_the_sandbox(sandbox: CodeSandbox) -> None:
    found = await verdicts_on(sandbox, "many_children", "fork_bomb")
    assert set(found.values()) == {"bounded"}
    assert (await sandbox.run("print(1)")).end == "ok"


async def test_children_together_stay_within_the_limit_of_memory(sandbox: CodeSandbox) -> None:
    assert await verdicts_on(sandbox, "children_together") == {"children_together": "bounded"}


async def test_what_is_written_is_bounded_over_all_files(sandbox: CodeSandbox) -> None:
    found = await verdicts_on(sandbox, "one_large_file", "many_files", "every_writable_folder")
    assert set(found.values()) <= {"bounded", "stopped"}


async def test_a_process_that_holds_the_output_open_does_not_hold_up_the_run(sandbox: CodeSandbox) -> None:
    held = "import os, time\nif os.fork() == 0:\n    time.sleep(60)\n    os._exit(0)\nprint('parent')"
    began = time.monotonic()
    result = await sandbox.run(held)
    assert (result.end, result.stdout) == ("ok", "parent\n")
    assert result.seconds < LIMITS.timeout_s and time.monotonic() - began < 15
    later = "import os, time\nif os.fork() == 0:\n    time.sleep(0.2)\n    print('child')\n    os._exit(0)"
    assert (await sandbox.run(later)).stdout in ("child\n", "")


async def test_links_pipes_and_folders_are_not_given_back_as_files(sandbox: CodeSandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    tmp_path.chmod(0o755)
    code = f"""
import os
os.symlink({str(tmp_path / "secret")!r}, "link")
os.symlink({str(tmp_path)!r}, "folder")
os.mkfifo("pipe")
os.makedirs("inner/deep")
open("inner/deep/real.txt", "w").write("real")
open("large.bin", "wb").write(bytes(60_000))
"""
    result = await sandbox.run(code)
    assert result.end == "ok", result.stderr
    assert [(file.name, file.data) for file in result.files] == [("inner/deep/real.txt", b"real")]
    assert result.files_left_out == 1


async def test_a_session_gives_back_only_what_is_new(sandbox: CodeSandbox) -> None:
    first = await sandbox.run("open('a.txt', 'w').write('1')", "files")
    second = await sandbox.run("open('b.txt', 'w').write('2')", "files")
    third = await sandbox.run("open('a.txt', 'w').write('33')", "files")
    assert [[file.name for file in result.files] for result in (first, second, third)] == [
        ["a.txt"],
        ["b.txt"],
        ["a.txt"],
    ]
    await sandbox.end("files")


async def test_a_forged_report_is_believed_in_nothing_but_its_own_run(sandbox: CodeSandbox) -> None:
    found = await verdicts_on(sandbox, "forged_report", "flood_of_the_control_channel", "inherited_descriptors")
    assert set(found.values()) <= {"bounded", "stopped"}
    forged = """
import json, os, stat, struct
body = json.dumps({"end": "ok", "files": [["../up", "eA=="], ["/abs", "eA=="], ["fine", "eA=="]]}).encode()
for number in range(3, 64):
    try:
        if stat.S_ISSOCK(os.fstat(number).st_mode):
            os.write(number, struct.pack(">I", len(body)) + body)
    except OSError:
        pass
"""
    result = await sandbox.run(forged)
    assert [file.name for file in result.files] == ["fine"]


async def test_packages_can_be_imported_and_are_loaded_ahead(sandbox: CodeSandbox) -> None:
    if not all(map(find_spec, ("numpy", "pandas", "scipy", "sympy"))):
        pytest.skip("the extra `sandbox` is not installed")
    config = small(
        packages=("numpy", "pandas", "scipy", "sympy"),
        preload=("numpy", "no_such_module"),
        warm=1,
        limits=LIMITS.model_copy(update={"memory_mb": 1024, "timeout_s": 100.0}),
    )
    made = make_sandbox(sandbox.name, config)  # type: ignore[arg-type]
    assert isinstance(made, PooledSandbox)
    try:
        await made.warm_up()
        code = """
import sys
ahead = "numpy" in sys.modules
import numpy, pandas, scipy, sympy
print(ahead, int(numpy.linalg.det(numpy.eye(3))), int(pandas.Series([1, 2]).sum()), sympy.sqrt(8))
try:
    import fathom
except ImportError:
    print("nothing else")
"""
        result = await made.run(code)
    finally:
        await made.close()
    assert result.stdout.splitlines() == ["True 1 3 2*sqrt(2)", "nothing else"], result.stderr


@pytest.fixture(params=LOCAL)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_workers_outlive_the_thread_that_asked_for_them(kind: Any) -> None:
    """What ties a worker to its parent ties it to a thread: here that is the spawner's only one."""
    config, word = marked()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel, inside = socket.socketpair()
    sink = os.open(os.devnull, os.O_WRONLY)
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [sys.executable, "-P", "-m", "fathom.sandbox.code.spawner", str(theirs.fileno())]
        processes.append(subprocess.Popen(command, pass_fds=[theirs.fileno()]))
        ours.send(spawn_plan(kind, config).to_json())
        ours.recv(10_000)
        socket.send_fds(ours, [b'{"spawn": 1}'], [inside.fileno(), sink, sink])

    try:
        thread = threading.Thread(target=start)
        thread.start()
        await asyncio.to_thread(thread.join)
    except ConfigError as error:
        pytest.skip(f"not to be had here: {error}")
    inside.close()
    channel.settimeout(30)
    try:
        if not await asyncio.to_thread(channel.recv, 100):
            pytest.skip(f"not to be had here: {ours.recv(1000)!r}")
        await asyncio.sleep(0.3)
        assert processes_with(word)
    finally:
        os.close(sink)
        for end in (theirs, ours, channel):
            end.close()
        processes[0].wait(30)
    assert await eventually(lambda: not processes_with(word))


SUPERVISOR = """
import asyncio, sys
from tests.code_sandboxes import small
from fathom.sandbox.code.choose import make_sandbox
from fathom.sandbox.code.config import CodeSandboxConfig
async def main():
    sandbox = make_sandbox(sys.argv[1], CodeSandboxConfig.model_validate_json(sys.argv[2]))
    runs = [asyncio.create_task(sandbox.run("print(1)"))]
    await runs[0]
    runs += [asyncio.create_task(sandbox.run("import time, os\\nos.fork()\\ntime.sleep(99)")) for _ in range(2)]
    runs.append(asyncio.create_task(sandbox.run("x = 1", "session")))
    print("up", flush=True)
    await asyncio.sleep(99)
asyncio.run(main())
"""


async def test_a_killed_supervisor_leaves_nothing_behind(kind: Any) -> None:
    config, word = marked(warm=2)
    repository = Path(__file__).resolve().parents[4]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SUPERVISOR,
        kind,
        config.model_dump_json(),
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    said = await process.stdout.readline()
    if said != b"up\n":
        pytest.skip(f"not to be had here: {(await process.stderr.read())[-300:]!r}")
    assert await eventually(lambda: len(processes_with(word)) >= 3)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert await eventually(lambda: not processes_with(word))


async def test_a_killed_spawner_takes_its_workers_along_and_is_replaced(kind: Any) -> None:
    workers, sandbox, word = await spawned(kind, warm=1)
    try:
        await sandbox.run("pass")
        running = asyncio.create_task(sandbox.run("import time\ntime.sleep(60)"))
        kept = asyncio.create_task(sandbox.run("x = 1", "s"))
        await kept
        assert await eventually(lambda: len(processes_with(word)) >= 2)
        old = set(processes_with(word))
        os.kill(workers.spawner_pid, signal.SIGKILL)
        with pytest.raises(ProviderFault):
            await running
        assert await eventually(lambda: not old & set(processes_with(word)))
        assert (await sandbox.run("print(2)")).stdout == "2\n"
        again = await sandbox.run("print('x' in globals())", "s")
        assert again.fresh and again.stdout == "False\n"
    finally:
        await sandbox.close()
    assert await eventually(lambda: not processes_with(word))


async def test_a_spawner_whose_start_is_broken_off_is_ended_and_reaped(kind: Any) -> None:
    config, _ = marked()
    try:
        workers = SpawnedWorkers(spawn_plan(kind, config), config.limits, config.start_s)
    except ConfigError as error:
        pytest.skip(f"not to be had here: {error}")
    before = set(children())
    starting = asyncio.create_task(workers.start())
    await asyncio.sleep(0)
    assert set(children()) - before
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert set(children()) <= before  # a dead one that is not reaped would be among them
    await workers.close()


def children() -> list[int]:
    """The processes that this one started, dead ones that are not reaped among them."""
    return [number for number, process in processes().items() if process.parent == os.getpid()]


async def test_a_run_that_is_broken_off_ends_what_it_started(kind: Any) -> None:
    config, word = marked()
    try:
        sandbox = await started(kind, config)
    except ConfigError as error:
        pytest.skip(f"not to be had here: {error}")
    try:
        for session in ("", "s"):
            running = asyncio.create_task(sandbox.run("import os, time\nos.fork()\ntime.sleep(60)", session))
            assert await eventually(lambda: bool(processes_with(word)))
            await asyncio.sleep(0.3)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert await eventually(lambda: not processes_with(word))
        assert (await sandbox.run("print(1)", "s")).fresh
    finally:
        await sandbox.close()


AS_NOBODY = """
import asyncio
from fathom.sandbox.code.choose import make_sandbox, self_test
from fathom.sandbox.code.config import CodeSandboxConfig
async def main():
    config = CodeSandboxConfig(packages=(), preload=(), warm=0)
    await self_test(make_sandbox, "landlock", config)
    sandbox = make_sandbox("landlock", config)
    print((await sandbox.run("import os; print(os.getuid())")).stdout.strip())
    await sandbox.close()
asyncio.run(main())
"""


async def test_landlock_serves_users_without_any_privilege(tmp_path: Path) -> None:
    python = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    if os.getuid() != 0 or not python.exists():
        pytest.skip("needs root, to be somebody else, and the system's own Python, which others can run")
    pytest.importorskip("sandlock", reason="the extra `sandbox` is not installed")
    paths = [path for path in sys.path if path.endswith("site-packages")] + [str(Path(__file__).parents[4] / "src")]
    for path in paths:
        if any(not folder.stat().st_mode & 0o001 for folder in Path(path).parents):
            pytest.skip("others cannot read this checkout")
    process = await asyncio.create_subprocess_exec(
        python,
        "-c",
        AS_NOBODY,
        cwd="/",
        env={"PYTHONPATH": os.pathsep.join(paths), "PATH": "/usr/bin", "TMPDIR": tempfile.gettempdir()},
        user=65534,
        group=65534,
        extra_groups=[],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    said, errors = await process.communicate()
    assert said == b"65534\n", errors.decode()[-2000:]
