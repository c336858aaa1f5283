"""A program over its record gets what it got, in the order it got it, and is told where it parts from the record."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.core.errors import ModelFault, ReplayError, RunError
from fathom.core.events import Event, Journal, step_key
from fathom.rollout import history
from fathom.rollout.journal import RunJournal


class ListLog:
    """A log in memory."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.log = list(events)

    def events(self) -> Sequence[Event]:
        return list(self.log)

    def append(self, kind: str, key: str, body: Any) -> Event:
        self.log.append(Event(run_id="r", seq=len(self.log), kind=kind, key=key, body=body, at=0.0))
        return self.log[-1]

    def keep(self, text: str) -> str:
        raise AssertionError("no texts here")

    def recall(self, digest: str) -> str:
        raise AssertionError("no texts here")

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.log]


class Effects:
    """Effects that count how often each was done."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def __call__(self, value: Any, pause: float = 0.0) -> Any:
        async def effect() -> Any:
            self.done.append(value)
            if pause:
                await asyncio.sleep(pause)
            return value

        return effect


async def test_a_finished_step_is_not_done_again_and_gives_the_same() -> None:
    log, effects = ListLog(), Effects()
    first = await RunJournal(log, timer=iter([1.0, 3.5]).__next__).step("model", {"q": 1}, effects({"t": (1, 2)}))
    again = await RunJournal(log).step("model", {"q": 1}, effects("never"))
    assert again == first and first.value == {"t": [1, 2]} and first.seconds == 2.5
    assert len(effects.done) == 1 and log.kinds == ["model_started", "model_finished"]


async def test_a_step_that_was_cut_off_is_repeated_under_its_key() -> None:
    log, effects = ListLog(), Effects()

    async def dies() -> Any:
        raise ModelFault("gone")

    with pytest.raises(ModelFault):
        await RunJournal(log).step("tool", {"q": 1}, dies)
    result = await RunJournal(log).step("tool", {"q": 1}, effects("now"))
    assert result.value == "now"
    assert [(event.kind, event.key) for event in log.log] == [
        ("tool_started", step_key("tool", 0, {"q": 1})),
        ("tool_finished", step_key("tool", 0, {"q": 1})),
    ]


async def test_another_request_is_told_with_place_and_difference() -> None:
    log, effects = ListLog(), Effects()
    journal = RunJournal(log)
    await journal.step("model", {"q": 0}, effects(0))
    await journal.step("model", {"messages": [{"content": "what is the height of it"}]}, effects(1))
    journal = RunJournal(log)
    await journal.step("model", {"q": 0}, effects(0))
    with pytest.raises(ReplayError) as caught:
        await journal.step("model", {"messages": [{"content": "what is the depth of it"}]}, effects(1))
    line = str(caught.value)
    assert line.startswith("step 1: model_started differs at messages[0].content: now ")
    assert "depth" in line and "height" in line and len(line) < 300


@pytest.mark.parametrize(
    ("now", "then", "says"),
    [
        ({"a": 1}, {"a": 2}, "at a: now 1, in the record 2"),
        ({"a": 1}, {"b": 1}, "at a: now 1, in the record null"),
        ({"a": [1]}, {"a": [1, 2]}, "at length of a: now 1, in the record 2"),
        ([True], ["x"], 'at [0]: now true, in the record "x"'),
        ("same but longer", "same", 'now "same but longer", in the record "same"'),
    ],
)
async def test_differences_are_short_and_exact(now: Any, then: Any, says: str) -> None:
    log = ListLog()
    RunJournal(log).note("decision", then)
    with pytest.raises(ReplayError, match="note 0: decision differs") as caught:
        RunJournal(log).note("decision", now)
    assert says in str(caught.value)


async def test_notes_must_come_again_where_they_were() -> None:
    log, effects = ListLog(), Effects()
    journal = RunJournal(log)
    journal.note("plan", 1)
    await journal.step("model", {}, effects(0))
    with pytest.raises(ReplayError, match="comes to model_started, the record has plan"):
        await RunJournal(log).step("model", {}, effects(0))
    journal = RunJournal(log)
    journal.note("plan", 1)
    with pytest.raises(ReplayError, match="the program ended where the record goes on with model_started"):
        journal.close()


@pytest.mark.parametrize("kind", ["run_ended", "model_started", "tool_finished"])
def test_notes_cannot_pass_for_the_records_own(kind: str) -> None:
    with pytest.raises(RunError, match="cannot be of kind"):
        RunJournal(ListLog()).note(kind, None)


async def side_by_side(journal: Journal, pauses: list[list[float]], seen: list[str], *, tell: bool) -> None:
    """Some queries side by side; `seen`, and notes where they `tell`, have the order of the results."""

    async def query(number: int, waits: list[float]) -> None:
        async def effect() -> Any:
            for wait in waits:
                await asyncio.sleep(wait)
            return number

        result = await journal.step("world", {"query": number}, effect)
        seen.append(f"got {result.value}")
        if tell:
            journal.note("got", number)

    await asyncio.gather(*(query(number, waits) for number, waits in enumerate(pauses)))
    journal.note("all", seen)


_PAUSES = st.lists(st.lists(st.sampled_from([0.0, 0.001]), max_size=3), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(pauses=_PAUSES, others=_PAUSES, cut=st.floats(0, 1), tell=st.booleans())
async def test_steps_side_by_side_finish_in_the_order_they_finished_in(
    pauses: list[list[float]], others: list[list[float]], cut: float, tell: bool
) -> None:
    log, then = ListLog(), []
    await side_by_side(RunJournal(log), pauses, then, tell=tell)
    changed = [others[number % len(others)] for number in range(len(pauses))]

    whole, now = ListLog(log.log), []
    journal = RunJournal(whole)
    await side_by_side(journal, changed, now, tell=tell)
    journal.close()
    assert now == then and whole.log == log.log

    torn, resumed = ListLog(log.log[: int(cut * len(log.log))]), []
    known = sum(event.kind == "world_finished" for event in torn.log)
    await side_by_side(RunJournal(torn), changed, resumed, tell=tell)
    assert resumed[:known] == then[:known] and sorted(resumed) == sorted(then)
    assert len({(event.kind, event.key) for event in torn.log}) == len(torn.log) == len(log.log)


async def test_an_interrupted_sibling_does_not_get_ahead_of_what_is_on_record() -> None:
    log, order, others_done = ListLog(), [], asyncio.Event()

    async def slow_then_dead() -> Any:
        await others_done.wait()
        raise ModelFault("killed")

    async def first(journal: Journal, effect: Any) -> None:
        order.append((await journal.step("model", {"n": 0}, effect)).value)

    async def second(journal: Journal, effects: Effects) -> None:
        for number in (1, 2, 3):
            order.append((await journal.step("tool", {"n": number}, effects(number, 0.001))).value)
        others_done.set()

    journal = RunJournal(log)
    with pytest.raises(ModelFault):
        await asyncio.gather(first(journal, slow_then_dead), second(journal, Effects()))
    assert order == [1, 2, 3]
    order.clear()
    journal, effects = RunJournal(log), Effects()
    await asyncio.gather(first(journal, effects(0)), second(journal, effects))
    assert order == [1, 2, 3, 0] and effects.done == [0]


async def test_a_step_that_failed_then_and_works_now_ends_in_a_line_and_not_in_a_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "STALL_S", 0.05)
    log, effects = ListLog(), Effects()

    async def dies() -> Any:
        raise ModelFault("gone")

    async def program(journal: Journal, effect: Any) -> None:
        try:
            await journal.step("model", {"n": 0}, effect)
        except ModelFault:
            await journal.step("model", {"n": 1}, effects("instead"))

    await program(RunJournal(log), dies)
    with pytest.raises(ReplayError, match="step 0: the record first goes on with model_started"):
        await program(RunJournal(log), effects("works"))
    await program(RunJournal(log), dies)
    assert effects.done == ["instead", "works"]


async def test_a_cancelled_step_holds_nobody_up() -> None:
    log, effects = ListLog(), Effects()
    journal = RunJournal(log)
    await asyncio.gather(
        journal.step("tool", {"n": 0}, effects(0, 0.05)), journal.step("tool", {"n": 1}, effects(1, 0.001))
    )
    assert log.kinds[2:] == ["tool_finished"] * 2 and log.log[2].key.startswith("tool-1")
    await journal.step("tool", {"n": 2}, effects(2))
    journal = RunJournal(log)
    waits = asyncio.ensure_future(journal.step("tool", {"n": 0}, effects("never")))
    await asyncio.sleep(0)
    waits.cancel()
    await asyncio.sleep(0)
    for number in (1, 2):
        assert (await asyncio.wait_for(journal.step("tool", {"n": number}, effects("never")), 5)).value == number
    assert "never" not in effects.done
