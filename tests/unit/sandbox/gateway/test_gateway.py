"""The gateway against scripted providers, in virtual time."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.gateways import Calls, DownUntil, ScriptedProvider, down, gateway, service
from tests.virtual_time import run_virtual

from fathom.core.errors import PageNotFoundError, ProviderFault
from fathom.sandbox.gateway.breaker import BreakerConfig
from fathom.sandbox.gateway.gateway import GatewayConfig
from fathom.sandbox.gateway.service import Answer, LaneConfig


def test_an_answer_is_kept_until_its_time_is_over() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", ["first {}", "second {}"])
        texts, asks = service(one, keep_s=10), gateway()
        assert [(await asks.ask(texts, "a")).cache, (await asks.ask(texts, "a")).cache] == ["miss", "hit"]
        await asyncio.sleep(11)
        later = await asks.ask(texts, "a")
        assert (later.value, later.cache) == ("second a", "miss")

    run_virtual(main())


def test_without_a_time_to_keep_nothing_is_kept() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", ["{}"])
        asks = gateway()
        for _ in range(2):
            await asks.ask(service(one, keep_s=0), "a")
        assert len(one.asked) == 2

    run_virtual(main())


def test_an_error_that_is_an_answer_is_kept_for_a_shorter_time() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [PageNotFoundError("there is no page a"), "there {}"])
        texts, asks = service(one, keep_negative_s=10), gateway()
        for expected in ("miss", "hit"):
            answer = await asks.ask(texts, "a")
            assert answer.cache == expected and answer.attempts == (expected == "miss")
            with pytest.raises(PageNotFoundError, match="there is no page a"):
                answer.get()
        await asyncio.sleep(11)
        assert (await asks.ask(texts, "a")).get() == "there a"

    run_virtual(main())


def test_equal_calls_at_one_time_are_one_request() -> None:
    async def main() -> list[Answer[str]]:
        one = ScriptedProvider("one", [(1.0, "{}")])
        texts, asks = service(one), gateway()
        answers = await asyncio.gather(*(asks.ask(texts, "a") for _ in range(256)))
        assert len(one.asked) == 1 and not asks.under_way
        return answers

    answers = run_virtual(main())
    assert {answer.get() for answer in answers} == {"a"}
    assert sum(answer.cache == "joined" for answer in answers) == 255
    assert sum(answer.cost for answer in answers) == pytest.approx(0.001)


def test_a_caller_that_gives_up_takes_nobody_with_it() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [(1.0, "{}")])
        texts, asks = service(one), gateway()
        first, second = (asyncio.create_task(asks.ask(texts, "a")) for _ in range(2))
        await asyncio.sleep(0.1)
        first.cancel()
        assert (await second).get() == "a"
        third = asyncio.create_task(asks.ask(texts, "b"))
        await asyncio.sleep(0.1)
        third.cancel()
        await asyncio.sleep(2)
        assert (await asks.ask(texts, "b")).cache == "hit"  # nobody waited, and it is kept all the same
        assert len(one.asked) == 2

    run_virtual(main())


def test_a_failure_is_tried_again_after_a_wait_and_then_elsewhere() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [down(), down("reset"), "one {}"])
        two = ScriptedProvider("two", ["two {}"])
        asks = gateway()
        again = await asks.ask(service(one, attempts=3), "a")
        assert (again.get(), again.attempts, again.faults, again.degraded) == ("one a", 3, ("server", "reset"), "")
        one.steps[:] = [down()]
        other = await asks.ask(service(one, two), "b")
        assert (other.get(), other.provider, other.degraded) == ("two b", "two", "backup")
        assert other.faults == ("server",)  # the second is free while the first one's wait runs

    run_virtual(main())


def test_no_wait_is_shorter_than_the_provider_asked_for_and_all_callers_keep_to_it() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [down("rate_limited", after_s=20), "{}"])
        texts, asks = service(one), gateway()
        await asyncio.gather(asks.ask(texts, "a"), _later(5, asks.ask(texts, "b")))
        times = [at for at, _ in one.asked]
        assert times[0] == 0 and min(times[1:]) >= 20

    run_virtual(main())


async def _later(seconds: float, call: Any) -> Any:
    await asyncio.sleep(seconds)
    return await call


def test_where_nothing_answers_the_call_ends_with_what_went_wrong_within_its_deadline() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [down()])
        two = ScriptedProvider("two", [down("rate_limited", after_s=3600)])
        began = asyncio.get_running_loop().time()
        answer = await gateway().ask(service(one, two, deadline_s=30, max_retry_after_s=3600), "a")
        assert asyncio.get_running_loop().time() - began <= 30
        with pytest.raises(ProviderFault, match="no answer in 5 attempts") as caught:
            answer.get()
        assert caught.value.kind == "server"  # and not that there was a limit, which only the second one had
        assert answer.faults.count("server") == 4
        assert answer.failed == ("one", "two", "one", "one", "one")

    run_virtual(main())


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ((down("rate_limited", after_s=3600), down("rate_limited", after_s=3600)), "saturated"),
        ((down("unauthorised"), down("rate_limited", after_s=3600)), "unauthorised"),
        ((down("rejected"), down("rejected")), "rejected"),
        ((down("refused"), down("garbage")), "garbage"),
    ],
)
def test_only_limits_are_told_as_limits(faults: tuple[ProviderFault, ...], kind: str) -> None:
    async def main() -> None:
        providers = [ScriptedProvider(str(number), [fault]) for number, fault in enumerate(faults)]
        answer = await gateway().ask(service(*providers, deadline_s=30, attempts=1), "a")
        assert answer.fault is not None and answer.fault.kind == kind

    run_virtual(main())


@pytest.mark.parametrize(("kind", "tries"), [("rejected", 1), ("unreadable", 2), ("oversized", 2)])
def test_what_a_provider_cannot_do_is_hardly_asked_again_and_is_no_fault_of_its(
    kind: ProviderFault.Kind, tries: int
) -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [down(kind)])
        two = ScriptedProvider("two", ["two {}"])
        texts, asks = service(one, two), gateway(GatewayConfig(breaker=BreakerConfig(in_a_row=3)))
        for number in range(20):
            answer = await asks.ask(texts, str(number))
            assert (answer.provider, answer.faults, answer.failed) == ("two", (kind,), ("one",))
        alone = await asks.ask(service(one), "a")
        assert alone.faults == (kind,) * tries
        lane = asks.lane("one")
        assert lane is not None and not lane.breaker.is_open

    run_virtual(main())


def test_a_provider_that_refuses_us_is_named_once_with_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        refusal = ProviderFault("status 401", kind="unauthorised", hint="check FATHOM_ONE_KEY")
        one, two = ScriptedProvider("one", [refusal]), ScriptedProvider("two", ["two {}"])
        asks = gateway()
        for number in range(50):
            await asks.ask(service(one, two, unauthorised_rest_s=1), str(number))
            await asyncio.sleep(2)
        assert len(one.asked) > 10

    run_virtual(main())
    assert caplog.messages == ["one refuses us: status 401; check FATHOM_ONE_KEY"]


def test_a_provider_that_hangs_is_left_at_its_timeout() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [(1e6, "never")])
        two = ScriptedProvider("two", ["two {}"])
        answer = await gateway().ask(service(one, two, timeout_s=5), "a")
        assert answer.get() == "two a" and answer.faults == ("timeout",) and answer.seconds == pytest.approx(5, abs=0.1)
        alone = await gateway().ask(service(one, timeout_s=500, deadline_s=50), "a")
        assert alone.fault is not None and alone.faults == ("timeout",) and alone.seconds <= 50

    run_virtual(main())


def test_an_old_answer_is_better_than_none_and_says_that_it_is_old() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", ["good {}", down()])
        texts, asks = service(one, keep_s=10, keep_stale_s=1000), gateway()
        await asks.ask(texts, "a")
        await asyncio.sleep(100)
        old = await asks.ask(texts, "a")
        assert (old.get(), old.degraded, old.cache) == ("good a", "stale", "miss")
        assert old.cost == pytest.approx(0.004) and set(old.failed) == {"one"}
        await asyncio.sleep(2000)
        assert (await asks.ask(texts, "a")).fault is not None

    run_virtual(main())


def test_that_a_page_was_not_there_earlier_is_no_answer_now() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [PageNotFoundError("there is no page a"), down()])
        texts, asks = service(one, keep_negative_s=10, keep_stale_s=1000), gateway()
        await asks.ask(texts, "a")
        await asyncio.sleep(100)
        answer = await asks.ask(texts, "a")
        assert answer.fact is None and answer.fault is not None and answer.fault.kind == "server"

    run_virtual(main())


def test_a_call_that_nobody_waited_for_is_in_the_log() -> None:
    async def main() -> None:
        log = Calls()
        asks = gateway(log=log)
        call = asyncio.create_task(asks.ask(service(ScriptedProvider("one", [(5.0, "{}")])), "a"))
        await asyncio.sleep(2)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert [(record.status, record.seconds) for record in log.records] == [("cancelled", 2.0)]

    run_virtual(main())


def test_a_refused_key_is_not_tried_again_by_anybody_for_a_while() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [down("unauthorised"), "one {}"])
        two = ScriptedProvider("two", ["two {}"])
        texts, asks = service(one, two, unauthorised_rest_s=600), gateway()
        for name in "abc":
            assert (await asks.ask(texts, name)).provider == "two"
        assert len(one.asked) == 1
        one.steps[:] = [down("unauthorised")]
        for number in range(3000):
            await asyncio.sleep(1)
            assert (await asks.ask(texts, str(number))).provider == "two"
        assert len(one.asked) < 20  # trials after 1, 2, 4, ... at most 600 s
        one.steps[:] = ["one {}"]
        await asyncio.sleep(601)
        assert (await asks.ask(texts, "d")).provider == "one"

    run_virtual(main())


def test_what_is_too_large_at_one_provider_is_asked_of_the_next_and_rests_nobody() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [down("oversized"), "one {}"])
        two = ScriptedProvider("two", ["two {}"])
        texts, asks = service(one, two), gateway()
        assert [(await asks.ask(texts, name)).provider for name in "ab"] == ["two", "one"]

    run_virtual(main())


def test_that_nothing_is_there_needs_a_second_word() -> None:
    async def main() -> None:
        empty = ScriptedProvider("one", [""])
        asks = gateway()
        alone = await asks.ask(service(empty), "alone")
        assert (alone.get(), alone.degraded) == ("", "alone")
        later = await asks.ask(service(empty), "alone")
        assert (later.get(), later.degraded, later.cache) == ("", "alone", "hit")
        found = await asks.ask(service(ScriptedProvider("six", ["found {}"])), "found")
        assert found.degraded == ""
        certain = await gateway().ask(replace(service(empty), final=True), "certain")
        assert (certain.get(), certain.degraded) == ("", "")
        both = await asks.ask(service(empty, ScriptedProvider("two", [""])), "both")
        assert (both.get(), both.degraded, both.attempts) == ("", "", 2)
        other = await asks.ask(service(empty, ScriptedProvider("three", ["found {}"])), "other")
        assert (other.get(), other.degraded) == ("found other", "elsewhere")
        broken = ScriptedProvider("four", [down(), down(), down(), down(), ""])
        doubted = await asks.ask(service(empty, broken, attempts=4), "doubted")
        assert (doubted.get(), doubted.degraded) == ("", "unconfirmed")
        again = await asks.ask(service(empty, broken, attempts=4), "doubted")
        assert again.cache == "miss"  # what nobody confirmed is not kept
        down_first = ScriptedProvider("five", [down()])
        second = await asks.ask(service(down_first, empty, attempts=1), "second")
        assert (second.get(), second.degraded) == ("", "unconfirmed")  # one word only, whoever's
        calls = Calls()
        told = gateway(log=calls)
        await told.ask(service(down_first, empty, attempts=1), "second")
        assert calls.records[0].status == "fault"

    run_virtual(main())


def test_who_sees_another_part_confirms_nothing_of_the_rest() -> None:
    def saying(name: str, *steps: Any, confirms: bool) -> ScriptedProvider:
        return ScriptedProvider(name, steps, confirms=confirms)

    async def main() -> None:
        asks = gateway()
        web, site = saying("web", "", confirms=True), saying("site", "", confirms=False)
        for number, pair in enumerate(((web, site), (site, web))):
            said = await asks.ask(service(*pair), f"one and another {number}")
            assert (said.get(), said.degraded, said.attempts) == ("", "alone", 2)
        second = saying("second", "", confirms=True)
        said = await asks.ask(service(web, site, second), "two and another between")
        assert (said.get(), said.degraded, said.attempts) == ("", "", 3)
        said = await asks.ask(service(web, site, saying("down", down(), confirms=True), attempts=1), "one of two")
        assert (said.get(), said.degraded) == ("", "unconfirmed")
        said = await asks.ask(service(site, saying("other", "", confirms=False)), "of nothing else")
        assert (said.get(), said.degraded, said.attempts) == ("", "", 2)
        said = await asks.ask(service(web, saying("found", "there", confirms=False)), "there")
        assert (said.get(), said.degraded) == ("there", "elsewhere")

    run_virtual(main())


def test_where_an_answer_of_another_one_comes_from_is_told_as_it_was() -> None:
    async def main() -> None:
        found, asks = ScriptedProvider("found", ["there"]), gateway()
        empty, broken = ScriptedProvider("empty", [""]), ScriptedProvider("broken", [down()])
        for providers, degraded in (
            ((empty, found), "elsewhere"),
            ((empty, broken, found), "elsewhere"),
            ((broken, found), "backup"),
            ((broken, empty, found), "backup"),
        ):
            answer = await asks.ask(service(*providers, attempts=1, keep_s=0), "a")
            assert (answer.get(), answer.degraded) == ("there", degraded)

    run_virtual(main())


def test_an_answer_to_something_else_is_a_failure_and_never_kept() -> None:
    def check(request: str, answer: str) -> None:
        if not answer.endswith(request):
            raise down("mismatch")

    async def main() -> None:
        one = ScriptedProvider("one", ["of b", "of {}"])
        texts, asks = service(one, check=check), gateway()
        answer = await asks.ask(texts, "a")
        assert (answer.get(), answer.faults) == ("of a", ("mismatch",))

    run_virtual(main())


def test_a_provider_is_asked_no_faster_than_it_may_be() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [(0.01, "{}")], limits=LaneConfig(rate_per_s=10, burst=2, slots=3))
        texts, asks = service(one, deadline_s=100), gateway()
        await asyncio.gather(*(asks.ask(texts, str(number)) for number in range(40)))
        times = sorted(at for at, _ in one.asked)
        assert len(times) == 40 and one.most <= 3
        for at in times:
            assert sum(at <= other < at + 1 for other in times) <= 12

    run_virtual(main())


def test_a_rate_worth_waiting_for_is_waited_for_and_else_the_backup_is_asked() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", ["one {}"], limits=LaneConfig(rate_per_s=1, burst=1))
        two = ScriptedProvider("two", ["two {}"])
        asks = gateway()
        patient, hasty = service(one, two, patience_s=5), service(one, two, patience_s=0.1)
        assert [(await asks.ask(patient, name)).provider for name in "abc"] == ["one"] * 3
        assert [(await asks.ask(hasty, name)).provider for name in "def"] == ["two"] * 3

    run_virtual(main())


def test_a_provider_that_is_down_is_asked_a_bounded_number_of_times() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [down("refused")])
        two = ScriptedProvider("two", [(0.1, "two {}")])
        breaker = BreakerConfig(in_a_row=5, open_s=1, max_open_s=16)
        texts, asks = service(one, two), gateway(GatewayConfig(breaker=breaker))
        for number in range(600):
            assert (await asks.ask(texts, str(number))).get() == f"two {number}"
        took = asyncio.get_running_loop().time()
        assert took > 60 and len(one.asked) <= 5 + 4 + took / 16 + 1

    run_virtual(main())


def test_a_provider_that_comes_back_is_used_again() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [*[down("refused")] * 6, "one {}"])
        two = ScriptedProvider("two", [(0.2, "two {}")])
        texts, asks = service(one, two), gateway(GatewayConfig(breaker=BreakerConfig(in_a_row=3, open_s=0.5)))
        providers = [(await asks.ask(texts, str(number))).provider for number in range(400)]
        assert providers[0] == "two" and providers[-1] == "one"
        assert providers.index("one") == len(providers) - providers[::-1].count("one")  # for good

    run_virtual(main())


def test_a_sole_provider_that_is_down_is_waited_for_within_the_deadline() -> None:
    async def main() -> None:
        one = DownUntil("one", 12.0)
        texts, asks = service(one, deadline_s=60), gateway(GatewayConfig(breaker=BreakerConfig(in_a_row=5)))
        early = [_later(0.25 * number, asks.ask(texts, str(number))) for number in range(40)]  # until 10 s
        answers = await asyncio.gather(*early)
        assert [answer.value for answer in answers] == [str(number) for number in range(40)]
        assert all(not answer.degraded and answer.seconds < 60 for answer in answers)
        lane = asks.lane("one")
        assert lane is not None and not lane.breaker.is_open
        down_for = [at for at, _ in one.asked if at < 12]
        # Five that open it, what was under way, and one trial each after 1, 2, 4, 8 s.
        assert len(down_for) <= 5 + 1 + 4
        assert len(one.asked) == len(down_for) + 40  # each once more, and served

    run_virtual(main())


def test_a_sole_provider_that_stays_down_is_given_up_at_the_deadline() -> None:
    async def main() -> None:
        one = DownUntil("one", 1e6)
        texts, asks = service(one, deadline_s=60), gateway(GatewayConfig(breaker=BreakerConfig(in_a_row=5)))
        answers = await asyncio.gather(*(asks.ask(texts, str(number)) for number in range(40)))
        # Those that asked say how it failed; the others found that it is left alone.
        assert {answer.fault.kind for answer in answers if answer.fault} <= {"refused", "saturated"}
        assert len(answers) == 40
        assert max(answer.seconds for answer in answers) <= 60
        assert len(one.asked) <= 40 + 6  # all at once before it is known, then 1, 2, 4, ... s apart

    run_virtual(main())


def test_a_service_asks_no_more_at_once_than_it_has_slots_for() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [(1.0, "{}")])
        texts, asks = service(one, slots=4, deadline_s=5.5), gateway()
        answers = await asyncio.gather(*(asks.ask(texts, str(number)) for number in range(40)))
        assert one.most == 4
        served = [answer for answer in answers if answer.fault is None]
        assert len(served) == 20
        lane = asks.lane("one")
        assert lane is not None and not lane.breaker.is_open  # our own crowd is no fault of the provider
        assert {answer.fault.kind for answer in answers if answer.fault} == {"saturated"}

    run_virtual(main())


def test_hosts_have_lanes_of_their_own_and_idle_ones_are_forgotten() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", ["{}"])
        each = service(one)
        lanes = tuple(
            type(provider)(provider.name, provider.ask, lane=lambda request: f"host-{request}")
            for provider in each.providers
        )
        texts, asks = type(each)(each.name, lanes, each.codec, each.key), gateway(GatewayConfig(lanes=10))
        for number in range(40):
            await asks.ask(texts, str(number))
        assert asks.lane("host-39") is not None and asks.lane("host-0") is None

    run_virtual(main())


def test_every_call_is_on_record() -> None:
    async def main() -> None:
        calls = Calls()
        one = ScriptedProvider("one", [down(), (2.0, "{}"), PageNotFoundError("no")])
        texts, asks = service(one), gateway(log=calls)
        for name in ("a", "a", "b"):
            await asks.ask(texts, name)
        first, second, third = calls.records
        assert (first.status, first.attempts, first.faults, first.cost) == ("ok", 2, ("server",), 0.002)
        assert first.seconds >= 2 and first.key == second.key != third.key
        assert (second.cache, second.attempts, second.seconds) == ("hit", 0, 0)
        assert (third.status, third.fact) == ("fact", "PageNotFoundError")
        assert asks.counts == {"texts.ok": 2, "texts.miss": 2, "texts.hit": 1, "texts.fact": 1}

    run_virtual(main())


def test_an_error_of_the_program_is_no_answer_and_leaves_nothing_behind() -> None:
    async def main() -> None:
        async def broken(request: str) -> str:
            raise KeyError(request)

        one = ScriptedProvider("one", ["{}"])
        texts, asks = service(one), gateway()
        wrong = type(texts)("texts", (type(one.provider)("broken", broken),), texts.codec, texts.key)
        with pytest.raises(KeyError):
            await asks.ask(wrong, "a")
        assert not asks.under_way and (await asks.ask(texts, "a")).get() == "a"

    run_virtual(main())


def test_closing_ends_what_is_under_way() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [(1e6, "never")])
        texts, asks = service(one, deadline_s=1e5, timeout_s=1e5), gateway()
        call = asyncio.create_task(asks.ask(texts, "a"))
        await asyncio.sleep(1)
        await asks.close()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert one.running == 0 and not asks.under_way

    run_virtual(main())


def test_a_single_refusal_after_other_faults_does_not_spend_a_provider() -> None:
    async def main() -> None:
        one = ScriptedProvider("one", [down(), down("unauthorised"), down("oversized"), "one {}"])
        asks = gateway()
        await asks.ask(service(ScriptedProvider("one", ["{}"])), "before")  # which has answered
        answer = await asks.ask(service(one, attempts=4), "a")
        assert (answer.get(), answer.faults) == ("one a", ("server", "unauthorised", "oversized"))

    run_virtual(main())
