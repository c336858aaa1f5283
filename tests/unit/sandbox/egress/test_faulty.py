"""Faults around a web: of every kind, in the share asked for, the same for the same seed in any order."""

import asyncio

import pytest
from tests.virtual_time import run_virtual

from fathom.core.errors import ProviderFault
from fathom.sandbox.egress.faulty import KINDS, FaultyWeb, Outage
from fathom.sandbox.egress.protocol import WebReply, WebRequest


class Echo:
    """Says in JSON what address it was asked for."""

    async def fetch(self, request: WebRequest) -> WebReply:
        body = f'{{"url": "{request.url}", "results": ["{request.url}"]}}'.encode()
        return WebReply(status=200, url=request.url, headers={"content-type": "application/json"}, body=body)

    async def close(self) -> None:
        return None


async def outcome(web: FaultyWeb, url: str) -> str:
    try:
        reply = await web.fetch(WebRequest(url))
    except ProviderFault as fault:
        return f"raised {fault.kind}"
    return f"{reply.status} {dict(reply.headers)} {reply.body!r}"


def test_faults_are_as_many_as_asked_for_and_of_every_kind() -> None:
    async def main() -> None:
        web = FaultyWeb(Echo(), rate=0.3, seed=1)
        outcomes = [await outcome(web, f"https://a/{number}") for number in range(4000)]
        assert 0.27 < sum(web.met.values()) / 4000 < 0.33
        assert set(web.met) == set(KINDS) and len(KINDS) >= 20
        whole = sum(f"https://a/{number}" in said for number, said in enumerate(outcomes) if said.startswith("200"))
        assert whole >= 4000 - sum(web.met.values())

    run_virtual(main())


def test_draws_do_not_depend_on_the_order_of_requests() -> None:
    urls = [f"https://a/{number}" for number in range(300)]
    kinds = tuple(kind for kind in KINDS if kind != "of_another_request")  # which takes what came before

    async def main(order: list[str]) -> dict[str, str]:
        web = FaultyWeb(Echo(), rate=0.5, seed=2, kinds=kinds)
        said = await asyncio.gather(*(outcome(web, url) for url in order))
        return dict(zip(order, said, strict=True))

    assert run_virtual(main(urls)) == run_virtual(main(urls[::-1]))


def test_asked_again_a_request_draws_again() -> None:
    async def main() -> None:
        web = FaultyWeb(Echo(), rate=0.5, seed=3)
        assert len({await outcome(web, "https://a/") for _ in range(40)}) > 5

    run_virtual(main())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "late"])
def test_no_fault_leaves_the_reply_as_it_was(kind: str) -> None:
    async def main() -> None:
        web = FaultyWeb(Echo(), rate=1.0, kinds=(kind,))
        for number in range(3):
            plain = await Echo().fetch(WebRequest(f"https://a/{number}"))
            said = await outcome(web, f"https://a/{number}")
            assert said != f"200 {dict(plain.headers)} {plain.body!r}"

    run_virtual(main())


def test_an_outage_is_of_one_host_and_ends() -> None:
    async def main() -> None:
        web = FaultyWeb(Echo(), rate=0, outages=(Outage("//a/", 10, 20),))
        assert "200" in await outcome(web, "https://a/x")
        await asyncio.sleep(15)
        assert await outcome(web, "https://a/x") == "raised refused" and "200" in await outcome(web, "https://b/x")
        await asyncio.sleep(10)
        assert "200" in await outcome(web, "https://a/x") and web.refused == {"//a/": 1}

    run_virtual(main())


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no such kinds"):
        FaultyWeb(Echo(), rate=0.1, kinds=("bad luck",))
