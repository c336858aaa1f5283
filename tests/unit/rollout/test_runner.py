"""A run is laid out before its first step, goes on from wherever it broke off, and can be repeated from its record."""

import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fathom.bench.resume_child import reference, scripted
from fathom.core.errors import InputError, ModelFault, ReplayError, RunError, StoreFault
from fathom.core.events import Event, Journal
from fathom.core.trajectory import Failure, StopReason, Trajectory
from fathom.rollout import history
from fathom.rollout.catalogue import describe, find_run, list_runs
from fathom.rollout.replay import replay
from fathom.rollout.runner import carry_out, create, read_record, resume, trajectory_bytes
from fathom.rollout.store import RunStore, read_events

SEED = 3
EXPECTED = reference(SEED)


def new_run(root: Path, **changes: Any) -> Path:
    settings: dict[str, Any] = {"recipe": "scripted", "question": "Who?", "config": {"seed": SEED}, "seed": SEED}
    return create(root, **{**settings, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_run(tmp_path / "runs")


class Crash(BaseException):
    """The process dies here."""


class FaultyLog:
    """A run's log that fails for good before or after its `n`-th call."""

    def __init__(self, store: RunStore, n: int, *, after: bool, fault: BaseException) -> None:
        self._store, self._n, self._after, self._fault = store, n, after, fault
        self.calls = 0

    def events(self) -> Sequence[Event]:
        return self._store.events()

    def append(self, kind: str, key: str, body: Any) -> Event:
        return self._call(lambda: self._store.append(kind, key, body))

    def keep(self, text: str) -> str:
        return self._call(lambda: self._store.keep(text))

    def recall(self, digest: str) -> str:
        return self._store.recall(digest)

    def _call(self, call: Any) -> Any:
        self.calls += 1
        if self.calls > self._n or (self.calls == self._n and not self._after):
            raise self._fault
        result = call()
        if self.calls == self._n:
            raise self._fault
        return result


def test_the_folder_is_laid_out_before_the_first_step(tmp_path: Path) -> None:
    tokens = itertools.chain(["aaaaaa", "aaaaaa", "bbbbbb"])
    made = [new_run(tmp_path, clock=lambda: 1_800_000_000.0, token=lambda: next(tokens)) for _ in range(2)]
    assert [path.name for path in made] == ["20270115-080000-aaaaaa", "20270115-080000-bbbbbb"]
    record = read_record(made[0])
    assert record.run_id == made[0].name and record.seed == SEED and record.config == {"seed": SEED}
    assert record.commit and record.versions["python"] and record.created == "2027-01-15T08:00:00Z"
    assert json.loads((made[0] / "config.json").read_text())["schema"] == "fathom.run/1"
    assert read_events(made[0]) == []


async def test_a_run_ends_with_its_trajectory_and_is_then_left_alone(folder: Path) -> None:
    done: list[str] = []
    trajectory = await resume(folder, scripted(SEED, done.append))
    assert trajectory == EXPECTED
    assert (folder / "trajectory.jsonl").read_bytes() == trajectory_bytes(trajectory)
    count, events = len(done), read_events(folder)
    assert await resume(folder, scripted(SEED, done.append)) == trajectory
    assert len(done) == count and read_events(folder) == events


async def test_a_lost_or_changed_trajectory_is_made_again_from_the_record(folder: Path) -> None:
    done: list[str] = []
    await resume(folder, scripted(SEED, done.append))
    path, count, events = folder / "trajectory.jsonl", len(done), read_events(folder)
    data = path.read_bytes()
    for harm in (path.unlink, lambda: path.write_bytes(b"{}")):
        harm()
        await resume(folder, scripted(SEED, done.append))
        assert path.read_bytes() == data and len(done) == count and read_events(folder) == events


async def test_an_ended_run_takes_nothing_more(folder: Path) -> None:
    await resume(folder, scripted(SEED, [].append))
    events = read_events(folder)

    async def longer(journal: Journal) -> Trajectory:
        trajectory = await scripted(SEED, [].append)(journal)
        journal.note("more", 1)
        return trajectory

    async def other(journal: Journal) -> Trajectory:
        return (await scripted(SEED, [].append)(journal)).model_copy(update={"answer": "other"})

    for program, says in ((longer, "the record ends before it"), (other, "gives another trajectory")):
        with pytest.raises(ReplayError, match=says):
            await resume(folder, program)
    assert read_events(folder) == events


async def test_a_crash_at_any_record_is_resumed_to_the_same_end(memory_path: Path) -> None:
    expected = trajectory_bytes(EXPECTED)
    for n in itertools.count(1):
        folder = new_run(memory_path)
        done: list[str] = []
        with RunStore(folder) as store:
            log = FaultyLog(store, n, after=n % 2 == 0, fault=Crash())
            try:
                await carry_out(folder, log, scripted(SEED, done.append), timer=lambda: 0.0)
                break
            except Crash:
                prefix = list(store.events())
        finished = {event.key for event in prefix if event.kind.endswith("_finished")}
        known = [e.body["effect"] for e in prefix if e.kind.endswith("_started") and e.key in finished]
        with RunStore(folder) as store:
            await carry_out(folder, store, scripted(SEED, done.append), timer=lambda: 0.0)
        assert (folder / "trajectory.jsonl").read_bytes() == expected
        assert read_events(folder)[: len(prefix)] == prefix
        assert all(done.count(name) == 1 for name in known)
        shutil.rmtree(folder)
    assert n > 40


async def test_a_full_disk_ends_the_run_as_interrupted_and_it_can_go_on(folder: Path) -> None:
    with RunStore(folder) as store, pytest.raises(StoreFault):
        await carry_out(folder, FaultyLog(store, 12, after=False, fault=StoreFault("full")), scripted(SEED, [].append))
    assert describe(folder, now=0).state == "interrupted" and not (folder / "trajectory.jsonl").exists()
    assert await resume(folder, scripted(SEED, [].append)) == EXPECTED


def failing(up: list[bool], done: list[int]) -> Any:
    """A program whose second step fails as long as `up` is empty, and which says so in its trajectory."""

    async def program(journal: Journal) -> Trajectory:
        async def effect() -> Any:
            if done and not up:
                raise ModelFault("the model is down")
            done.append(1)
            return len(done)

        stop, failure, answer = StopReason(kind="answered"), None, ""
        try:
            for number in range(3):
                answer += str((await journal.step("model", {"n": number}, effect)).value)
        except ModelFault as fault:
            stop, failure = StopReason(kind="failed"), Failure(error="ModelFault", message=str(fault))
        return Trajectory(
            task_id="t", agent="a", model="m", segments=(), answer=answer or None, stop=stop, failure=failure
        )

    return program


async def test_a_failed_run_goes_on_from_the_step_that_failed(folder: Path) -> None:
    up: list[bool] = []
    done: list[int] = []
    assert (await resume(folder, failing(up, done))).stop.kind == "failed"
    assert describe(folder, now=0).state == "failed"
    with pytest.raises(ReplayError, match="step 1 \\(model\\) has no result"):
        await replay(folder, failing(up, done))
    up.append(True)
    assert (await resume(folder, failing(up, done))).answer == "123"
    assert len(done) == 3 and describe(folder, now=0).state == "finished"
    assert (await replay(folder, failing([], [])))[1] == 3


async def test_replay_repeats_without_effects_and_compares_every_byte(folder: Path) -> None:
    await resume(folder, scripted(SEED, [].append))
    done: list[str] = []
    trajectory, steps = await replay(folder, scripted(SEED, done.append))
    assert trajectory == EXPECTED and steps > 10 and done == []
    path = folder / "trajectory.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"answer":"3"', b'"answer":"4"'))
    with pytest.raises(ReplayError, match=r'differs at answer: now "3", in the file "4"'):
        await replay(folder, scripted(SEED, done.append))


async def test_replay_catches_a_changed_program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "STALL_S", 0.5)
    await resume(folder, scripted(SEED, [].append))

    async def shorter(journal: Journal) -> Trajectory:
        journal.note("decision", {"turn": 0})
        return EXPECTED

    async def nothing(journal: Journal) -> Trajectory:
        return EXPECTED

    async def longer(journal: Journal) -> Trajectory:
        trajectory = await scripted(SEED, [].append)(journal)
        journal.note("more", 1)
        return trajectory

    for program, says in [
        (shorter, "note 0: the program comes to decision, the record has model_started"),
        (nothing, "the program ended where the record goes on with model_started"),
        (longer, "note 5: the record ends before it"),
        (scripted(SEED + 1, [].append), "step 1: the record first goes on with world_started"),
    ]:
        with pytest.raises(ReplayError, match=says):
            await replay(folder, program)


async def test_a_run_that_broke_off_cannot_be_replayed(folder: Path) -> None:
    with RunStore(folder) as store, pytest.raises(Crash):
        await carry_out(folder, FaultyLog(store, 9, after=True, fault=Crash()), scripted(SEED, [].append))
    with pytest.raises(ReplayError, match="record"):
        await replay(folder, scripted(SEED, [].append))


async def test_the_list_tells_how_each_run_stands(tmp_path: Path) -> None:
    moments = itertools.count(1_800_000_000.0)
    root = tmp_path / "runs"
    finished, broken, damaged, running = (new_run(root, clock=lambda: next(moments)) for _ in range(4))
    (root / "no-run").mkdir()
    await resume(finished, scripted(SEED, [].append))
    with RunStore(broken) as store, pytest.raises(Crash):
        await carry_out(broken, FaultyLog(store, 9, after=True, fault=Crash()), scripted(SEED, [].append))
    (damaged / "events.sqlite").write_bytes(b"rot" * 2000)
    with RunStore(running):
        listed = list_runs(root, clock=lambda: 1_800_000_060.0)
    assert [info.state for info in listed] == ["running", "damaged", "interrupted", "finished"]
    assert listed[3].steps > 10 and listed[3].question == "Who?" and listed[3].age_s == 60 and not listed[3].problem
    assert "events.sqlite" in listed[1].problem


def test_runs_are_found_by_id_part_and_path(tmp_path: Path) -> None:
    tokens = itertools.chain(["aaaaaa", "aaabbb"])
    one, two = (new_run(tmp_path, clock=lambda: 0.0, token=lambda: next(tokens)) for _ in range(2))
    assert find_run(tmp_path, one.name) == find_run(tmp_path, "aaaaaa") == find_run(tmp_path, str(one)) == one
    assert find_run(tmp_path, "bbb") == two
    with pytest.raises(RunError, match="2 runs have 'aaa'"):
        find_run(tmp_path, "aaa")
    with pytest.raises(RunError, match="there is no run 'x'"):
        find_run(tmp_path, "x")


@pytest.mark.parametrize("text", ["", "{", '{"schema":"fathom.run/1"}', '{"schema":"other/1"}'])
def test_a_broken_config_is_one_line(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json: corrupt: "):
        read_record(folder)
    assert describe(folder, now=0).state == "damaged"
