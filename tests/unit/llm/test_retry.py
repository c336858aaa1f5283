"""Waiting and giving up, without real time."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from fathom.core.errors import ContextOverflowError, FathomError, ModelFault, ModelRequestError
from fathom.core.message import Message
from fathom.llm.retry import Retry, RetryConfig, RetryingChat, retry_after_s
from fathom.llm.scripted import ScriptedChat

ASK = [Message(role="user", content="Where?")]


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def retrying(time: Time, seed: int = 0, **config: float) -> Retry:
    settings = RetryConfig.model_validate(config)
    return Retry(settings, clock=lambda: time.now, sleep=time.sleep, rng=random.Random(seed))


def failing(*errors: FathomError) -> Callable[[], Awaitable[str]]:
    left = list(errors)

    async def attempt() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return attempt


async def test_waits_double_up_to_the_cap_and_are_spread_over_the_whole_interval() -> None:
    time = Time()
    retry = retrying(time, first_wait_s=1.0, max_wait_s=8.0)
    longest = [max(retry.wait_s(n) for _ in range(400)) for n in range(1, 7)]
    assert longest == pytest.approx([1, 2, 4, 8, 8, 8], rel=0.05)
    assert min(retry.wait_s(4) for _ in range(400)) < 0.2


async def test_faults_are_tried_again_until_it_works() -> None:
    time = Time()
    assert await retrying(time).run(failing(ModelFault("a"), ModelFault("b"))) == "done"
    assert len(time.waits) == 2


@pytest.mark.parametrize("error", [ModelRequestError("bad"), ContextOverflowError("long")])
async def test_errors_that_will_not_pass_are_raised_at_once(error: FathomError) -> None:
    time = Time()
    with pytest.raises(type(error)):
        await retrying(time).run(failing(error))
    assert time.waits == []


async def test_after_the_last_try_the_last_fault_says_how_often_it_was_tried() -> None:
    time = Time()
    with pytest.raises(ModelFault, match=r"third \(tried 3 times\)"):
        await retrying(time, attempts=3).run(failing(ModelFault("first"), ModelFault("second"), ModelFault("third")))
    assert len(time.waits) == 2


async def test_the_servers_wish_is_the_shortest_wait_and_has_a_cap() -> None:
    time = Time()
    wishes = [ModelFault("busy", retry_after_s=seconds) for seconds in (20.0, 9000.0, 0.0)]
    await retrying(time, max_retry_after_s=60.0, first_wait_s=1.0).run(failing(*wishes))
    assert time.waits[0] == 20.0
    assert time.waits[1] == 60.0
    assert 0.0 <= time.waits[2] <= 4.0


async def test_a_wait_that_would_end_after_the_deadline_is_not_begun() -> None:
    time = Time()
    with pytest.raises(ModelFault, match="busy"):
        await retrying(time, deadline_s=10.0).run(failing(ModelFault("busy", retry_after_s=11.0)))
    assert time.waits == []


async def test_an_attempt_that_hangs_ends_at_the_deadline() -> None:
    async def hang() -> str:
        await asyncio.sleep(60)
        return "late"

    with pytest.raises(ModelFault, match=r"within 0\.05 s"):
        await Retry(RetryConfig(deadline_s=0.05)).run(hang)


async def test_cancelling_ends_it() -> None:
    async def hang() -> str:
        await asyncio.sleep(60)
        return "late"

    task = asyncio.create_task(Retry().run(hang))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:16:50 GMT"}, 10.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_retry_after_as_seconds_or_as_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now=lambda: 1000.0) == seconds


async def test_a_retrying_model_passes_everything_on() -> None:
    time = Time()
    inner = ScriptedChat([ModelFault("down"), "up"], name="m")
    model = RetryingChat(inner, retrying(time))
    assert model.name == "m"
    assert (await model.complete(ASK, sticky="q1")).message.content == "up"
    assert [asked.sticky for asked in inner.asked] == ["q1", "q1"]
    await model.close()
    assert inner.closed


async def test_each_wait_is_announced() -> None:
    told: list[tuple[str, float]] = []
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    retry = Retry(RetryConfig(attempts=3), sleep=sleep, on_wait=lambda fault, wait: told.append((str(fault), wait)))

    async def attempt() -> None:
        raise ModelFault("down")

    with pytest.raises(ModelFault):
        await retry.run(attempt)
    assert told == [("down", slept[0]), ("down", slept[1])]
