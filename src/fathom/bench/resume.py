"""`fathom bench resume`: kill -9 while runs are being made, resume them, and compare with runs nobody disturbed.

A scripted run works in a process of its own, which is killed at a random moment, or before or after a certain call of
its store; some of the processes that resume it are killed as well. Then: is every record that was acknowledged still
there, once; is the log up to each kill a prefix of the log in the end; is the trajectory, byte for byte, the one of
the undisturbed run, and can it be replayed; was any effect done again whose result was on record?
"""

import asyncio
import contextlib
import math
import os
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fathom.bench.harness import BenchOptions, Goal
from fathom.bench.resume_child import Order, reference, scripted, work
from fathom.core.errors import FathomError, RunError
from fathom.core.events import Event
from fathom.core.seeds import stream
from fathom.rollout.replay import replay
from fathom.rollout.runner import TRAJECTORY, create, trajectory_bytes
from fathom.rollout.store import read_events

NAME = "resume"
SUMMARY = "kill -9 at 200 random moments and around every kind of event, then resume and compare"
GOALS: dict[str, Goal] = {
    "kills": (">=", 200),
    "resumed_identical": ("==", "kills"),
    "records_lost": ("==", 0),
    "records_doubled": ("==", 0),
    "effects_redone": ("==", 0),
}
SEED = 20260101
RANDOM_KILLS, QUICK_KILLS = 200, 130
QUICK_S = 44.0  # after this long the quick bench kills no more, to end within 50 s on a machine with other work
IN_MEMORY = Path("/dev/shm")
SCRIPTS = 6  # different scripted runs, so that not every kill meets the same order of events
AGAIN = 0.25  # share of resuming processes that are killed too
HANGS_S = 60  # a child that takes this long hangs, and ends itself

Killer = Callable[[int, Iterable[str]], list[str]]
"""Given a child's pid and the lines it sends, ends it or not, and returns the lines it took."""


@dataclass
class Tally:
    """What was seen over all runs that were killed. `repeated` counts effects that were in flight at a kill and done
    again, which is as it must be; `redone` those whose result was on record."""

    kills: int = 0
    kills_resuming: int = 0
    identical: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    redone: int = 0
    repeated: int = 0
    places: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Ended:
    """How a process ended: by the kill or not, the lines it sent, and the log as it left it."""

    killed: bool
    lines: list[str]
    log: list[Event]

    @property
    def acknowledged(self) -> set[tuple[int, str, str]]:
        found = [line.split() for line in self.lines if line.startswith("ack ")]
        return {(int(seq), kind, key) for _, seq, kind, key in found}


def run(options: BenchOptions) -> dict[str, float | int | str]:
    """See the module. Quick: the places of one script instead of all, fewer random moments, and in memory where the
    system has a folder for that, since a kill leaves what was written to the system and only loss of power does not.
    """
    with contextlib.ExitStack() as stack:
        scratch = options.scratch
        if options.quick and os.access(IN_MEMORY, os.W_OK):
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fathom-", dir=IN_MEMORY)))
        return _measure(Torture(scratch, options.progress), quick=options.quick)


def _measure(torture: "Torture", *, quick: bool) -> dict[str, float | int | str]:
    began = time.monotonic()
    for seed in range(1 if quick else SCRIPTS):
        torture.at_every_place(seed)
    at_places = torture.tally.kills
    if quick:
        torture.at_random(QUICK_KILLS, within_s=QUICK_S - (time.monotonic() - began))
    else:
        torture.at_random(RANDOM_KILLS)
    tally = torture.tally
    return {
        "kills": tally.kills,
        "resumed_identical": tally.identical,
        "records_lost": tally.lost,
        "records_doubled": tally.doubled,
        "effects_redone": tally.redone,
        "effects_in_flight_repeated": tally.repeated,
        "records_acknowledged": tally.acknowledged,
        "kills_random": tally.kills - at_places,
        "kills_resuming": tally.kills_resuming,
        "kinds_of_place": len(tally.places),
        "run_ms": round(torture.span_s * 1000, 1),
    }


class Torture:
    """Makes, kills, resumes and judges runs under `scratch`. Processes are forked, so it must be the only thread."""

    def __init__(self, scratch: Path, progress: Callable[[str], None]) -> None:
        self.tally = Tally()
        self._scratch, self._progress = scratch, progress
        self._chance = stream(SEED, "moments")
        self._expected = [trajectory_bytes(reference(seed)) for seed in range(SCRIPTS)]
        self.span_s = max(self._undisturbed(seed)[1] for seed in range(SCRIPTS))

    def at_every_place(self, seed: int) -> None:
        """A kill before and after each call of the store in one script."""
        places = self._undisturbed(seed)[0]
        self._progress(f"script {seed}: a kill at each of {len(places)} places before and after its records")
        for hook, kind in places:
            self.tally.places[f"{hook.split(':')[0]} {kind}"] += 1
            if not self._one(seed, hook, _at_hook(hook)):
                raise RunError(f"script {seed} did not come to {hook} ({kind}) again")

    def at_random(self, kills: int, *, within_s: float = math.inf) -> None:
        """That many kills at moments drawn evenly over the length of a run; fewer where the time is up before."""
        done, give_up = 0, time.monotonic() + within_s
        while done < kills and time.monotonic() < give_up:
            if done % 50 == 0:
                self._progress(f"{done} of {kills} kills at random moments")
            done += self._one(self._chance.randrange(SCRIPTS), "", self._at_random_moment())

    def _undisturbed(self, seed: int) -> tuple[list[tuple[str, str]], float]:
        """The places of a script as (hook, kind), and how long its run takes in a process of its own, in seconds."""
        folder = create(self._scratch / "runs", recipe="scripted", question=str(seed), config={})
        began = time.perf_counter()
        ended = _in_child(Order(folder, self._scratch / "effects", seed), _leave)
        seconds = time.perf_counter() - began
        if (folder / TRAJECTORY).read_bytes() != self._expected[seed]:
            raise RunError("the undisturbed run is not the reference: the script is not deterministic")
        shutil.rmtree(folder)
        places = [line.split() for line in ended.lines if line.startswith("hook ")]
        return [(hook, kind) for _, hook, kind in places], seconds

    def _one(self, seed: int, hook: str, killer: Killer) -> bool:
        """Make a run, kill it, resume it until it ends, judge it. False if it ended before the kill."""
        folder = create(self._scratch / "runs", recipe="scripted", question=str(seed), config={})
        effects = self._scratch / f"{folder.name}.effects"
        try:
            parts = [_in_child(Order(folder, effects, seed, hook), killer)]
            if not parts[0].killed:
                return False
            if self._chance.random() < AGAIN:
                parts.append(_in_child(Order(folder, effects, seed), self._at_random_moment()))
            parts.append(_in_child(Order(folder, effects, seed), _leave))
            self._judge(folder, seed, parts, effects)
        except FathomError as error:
            self._progress(f"script {seed}, {hook or 'random moment'}: {error}")
        finally:
            shutil.rmtree(folder)
            effects.unlink(missing_ok=True)
        self.tally.kills += 1
        return True

    def _judge(self, folder: Path, seed: int, parts: list[Ended], effects: Path) -> None:
        tally, final = self.tally, parts[-1].log
        tally.kills_resuming += sum(part.killed for part in parts[1:])
        acknowledged: set[tuple[int, str, str]] = set()
        for part in parts:
            acknowledged |= part.acknowledged
            tally.lost += len(acknowledged - {(event.seq, event.kind, event.key) for event in part.log})
        tally.acknowledged += len(acknowledged)
        tally.doubled += len(final) - len({(event.kind, event.key) for event in final})
        done = Counter(effects.read_text().split())
        in_flight = Counter(name for part in parts for name in _in_flight(part.log))
        tally.redone += sum(max(0, times - 1 - in_flight[name]) for name, times in done.items())
        tally.repeated += sum(done.values()) - len(done)
        same = all(final[: len(part.log)] == part.log for part in parts)
        same &= (folder / TRAJECTORY).read_bytes() == self._expected[seed]
        asyncio.run(replay(folder, scripted(seed, _refuse)))
        tally.identical += same

    def _at_random_moment(self) -> Killer:
        moment_s = self._chance.random() * self.span_s

        def kill(pid: int, lines: Iterable[str]) -> list[str]:
            time.sleep(moment_s)
            os.kill(pid, signal.SIGKILL)
            return []

        return kill


def _at_hook(hook: str) -> Killer:
    def kill(pid: int, lines: Iterable[str]) -> list[str]:
        seen = []
        for line in lines:
            seen.append(line)
            if line.startswith(f"hook {hook} "):
                os.kill(pid, signal.SIGKILL)
                break
        return seen

    return kill


def _leave(pid: int, lines: Iterable[str]) -> list[str]:
    return []


def _refuse(name: str) -> None:
    raise RunError(f"{name} was done again in a replay")


def _in_flight(log: list[Event]) -> list[str]:
    """The effects that a log tells to have been begun and not finished."""
    finished = {event.key for event in log if event.kind.endswith("_finished")}
    return [event.body["effect"] for event in log if event.kind.endswith("_started") and event.key not in finished]


def _in_child(order: Order, killer: Killer) -> Ended:
    """Do the order in a process of its own, which `killer` may end."""
    source, sink = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(HANGS_S)
            os.close(source)
            work(order, sink)
            code = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(code)
    os.close(sink)
    with os.fdopen(source, encoding="utf-8") as lines:
        seen = killer(pid, lines)
        seen.extend(lines)
    _, status = os.waitpid(pid, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return Ended(killed, seen, read_events(order.folder))
