"""A token model over HTTP, as a client sees it that is not ours."""

import asyncio
import signal
import socket
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest

from fathom.core.errors import ConfigError, FathomError, ModelClosedError, ModelFault, ModelRequestError
from fathom.llm.local.http import serving
from fathom.llm.protocol import Sampling, TokenTrace
from fathom.llm.token_api import HttpTokenModel, TokenEndpointConfig

END = 5


class ScriptedTokens:
    """Gives the scripted ids and logprobs, or raises what is scripted; without a script it never answers. `asked` holds
    the calls, `called` is set by the first and `given_up` when one was cancelled."""

    def __init__(self, script: "tuple[tuple[int, ...], tuple[float, ...]] | FathomError | None") -> None:
        self._script = script
        self.asked: list[tuple[list[int], Sampling, str]] = []
        self.called, self.given_up = asyncio.Event(), asyncio.Event()

    async def sample(self, prompt_ids: Sequence[int], sampling: Sampling, *, sticky: str = "") -> TokenTrace:
        self.asked.append((list(prompt_ids), sampling, sticky))
        self.called.set()
        if self._script is None:
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up.set()
        if isinstance(self._script, FathomError):
            raise self._script
        ids, logprobs = self._script or ((), ())
        return TokenTrace(prompt_ids=tuple(prompt_ids), ids_T=ids, logprobs_T=logprobs, policy_version=3)

    async def close(self) -> None:
        return None


def talkative() -> ScriptedTokens:
    return ScriptedTokens(((4, END), (-0.25, -1e-5)))


async def post(url: str, body: Any, **kwargs: Any) -> httpx2.Response:
    async with httpx2.AsyncClient() as client:
        if isinstance(body, bytes):
            return await client.post(f"{url}/completions", content=body, **kwargs)
        return await client.post(f"{url}/completions", json=body, **kwargs)


async def test_a_reply_is_in_the_dialect_of_vllm() -> None:
    model = talkative()
    body = {"model": "m", "prompt": [1, 2], "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "seed": 4, "user": "u"}
    async with serving(model, end_id=END, name="m") as url:
        reply = (await post(url, {**body, "logprobs": 1, "return_token_ids": True})).json()
        plain = (await post(url, {"prompt": [1, 2]})).json()
    del reply["created"]
    assert reply == {
        "object": "text_completion",
        "model": "m",
        "choices": [
            {
                "index": 0,
                "text": "",
                "finish_reason": "stop",
                "token_ids": [4, END],
                "prompt_token_ids": [1, 2],
                "logprobs": {"token_logprobs": [-0.25, -1e-5]},
            }
        ],
        "usage": {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4},
        "policy_version": 3,
    }
    assert plain["choices"] == [{"index": 0, "text": "", "finish_reason": "stop"}]
    assert model.asked == [
        ([1, 2], Sampling(temperature=0.5, top_p=0.9, max_tokens=9, seed=4), "u"),
        ([1, 2], Sampling(), ""),
    ]


async def test_a_turn_without_the_end_id_was_cut_off() -> None:
    async with serving(ScriptedTokens(((4, 6), (-1.0, -1.0))), end_id=END) as url:
        assert (await post(url, {"prompt": [1]})).json()["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "JSON"),
        (b"\xff", 400, "body"),
        ({}, 400, "prompt"),
        ({"prompt": "text"}, 400, "prompt"),
        ({"prompt": []}, 400, "prompt"),
        ({"prompt": [1, -1]}, 400, "prompt.1"),
        ({"prompt": [1, True]}, 400, "prompt.1"),
        ({"prompt": [[1]]}, 400, "prompt.0"),
        ({"prompt": [1], "max_tokens": 0}, 400, "max_tokens"),
        ({"prompt": [1], "seed": -1}, 400, "seed"),
        ({"prompt": [1], "temperature": -0.1}, 400, "temperature"),
        (b'{"prompt": [1], "temperature": Infinity}', 400, "temperature"),
        ({"prompt": [1], "n": 2}, 400, "n:"),
        ({"prompt": [1], "stream": True}, 400, "stream"),
        ({"prompt": [1], "logprobs": 5}, 400, "logprobs"),
        ({"prompt": [1], "repetition_penalty": 1.1}, 400, "repetition_penalty"),
        ({"prompt": [1], "model": "other"}, 404, "'other' does not exist"),
        (b" " * (33 * 2**20), 413, "Large"),
    ],
)
async def test_what_cannot_be_done_is_refused_before_the_model_is_asked(body: Any, status: int, says: str) -> None:
    model = talkative()
    async with serving(model) as url:
        response = await post(url, body)
    assert response.status_code == status
    if status != 413:
        assert says in response.json()["error"]["message"]
    assert model.asked == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ModelRequestError("no"), 400, None),
        (ModelClosedError("gone"), 503, "model_closed"),
        (ModelFault("later"), 503, None),
    ],
    ids=["request", "closed", "fault"],
)
async def test_errors_of_the_model_have_their_status(error: FathomError, status: int, code: str | None) -> None:
    async with serving(ScriptedTokens(error)) as url:
        response = await post(url, {"prompt": [1]})
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


async def test_logprobs_that_are_no_numbers_are_an_error_not_bad_json() -> None:
    async with serving(ScriptedTokens(((4,), (float("nan"),)))) as url:
        response = await post(url, {"prompt": [1], "logprobs": 1})
    assert response.status_code == 500 and "not finite" in response.json()["error"]["message"]


async def test_models_and_health_can_be_asked_for_and_nothing_else() -> None:
    async with serving(talkative(), name="nano") as url, httpx2.AsyncClient() as client:
        assert [card["id"] for card in (await client.get(f"{url}/models")).json()["data"]] == ["nano"]
        assert (await client.get(f"{url.removesuffix('/v1')}/health")).status_code == 200
        assert (await client.get(f"{url}/completions")).json()["error"]["message"].startswith("/v1/completions")
        assert (await client.get(f"{url}/nothing")).status_code == 404


async def test_a_client_that_hangs_up_ends_the_sampling() -> None:
    model = ScriptedTokens(None)
    async with serving(model) as url:
        with pytest.raises(httpx2.ReadTimeout):
            await post(url, {"prompt": [1]}, timeout=0.2)
        await asyncio.wait_for(model.given_up.wait(), 5)
    assert len(model.asked) == 1


async def test_requests_under_way_are_answered_when_the_service_ends() -> None:
    model = ScriptedTokens(None)
    async with serving(model) as url:
        client = HttpTokenModel(TokenEndpointConfig(base_url=url))
        under_way = asyncio.create_task(client.sample([1], Sampling()))
        await model.called.wait()
    with pytest.raises(ModelFault, match="503: the model is closed"):
        await under_way
    with pytest.raises(ModelFault):
        await client.sample([1], Sampling())
    await client.close()
    assert model.given_up.is_set()


async def test_it_listens_on_the_loopback_address_and_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    async with serving(talkative()) as url:
        assert url.startswith("http://127.0.0.1:")
        await post(url, {"prompt": [1]})
        assert signal.getsignal(signal.SIGINT) is before


async def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=str(port)):
            async with serving(talkative(), port=port):
                pass
