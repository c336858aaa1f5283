"""`HttpTokenModel` against a real server on localhost that misbehaves."""

import asyncio
import json
import socket
from typing import Any

import pytest
from pydantic import SecretStr
from tests.chat_server import Answer, ChatServer, refused

from fathom.core.errors import ContextOverflowError, FathomError, ModelClosedError, ModelFault, ModelRequestError
from fathom.llm.protocol import Sampling, TokenTrace
from fathom.llm.token_api import HttpTokenModel, TokenEndpointConfig

PROMPT = [9, 8, 7]
LOGPROBS = [-0.1, -1e-300, -2.0000000000000004]


class TokenServer(ChatServer):
    """Answers /completions from its script; when that is used up, with three ids. `paths` are those asked for."""

    paths: list[str]

    def __init__(self, *script: Answer) -> None:
        super().__init__(*script, otherwise=lambda body: sampled())
        self.paths = []

    def _answer(self, path: str, body: bytes) -> Answer:
        self.paths.append(path)
        return super()._answer("/v1/chat/completions", body)


def sampled(ids: Any = (4, 5, 6), logprobs: Any = LOGPROBS, *, finish: str = "stop", **more: Any) -> Answer:
    """A completion as vLLM gives it; `more` goes into the choice."""
    tokens = {"tokens": ["a"], "token_logprobs": logprobs, "top_logprobs": [], "text_offset": []}
    choice = {"index": 0, "text": "abc", "finish_reason": finish, "stop_reason": None, "token_ids": ids}
    return Answer({"model": "m", "choices": [{**choice, "logprobs": tokens, "prompt_token_ids": PROMPT, **more}]})


async def ask(server: ChatServer, sampling: Sampling = Sampling(), **config: object) -> TokenTrace:
    settings = {"base_url": server.url, "timeout_s": 5.0, **config}
    model = HttpTokenModel(TokenEndpointConfig.model_validate(settings))
    try:
        return await model.sample(PROMPT, sampling, sticky="task")
    finally:
        await model.close()


async def test_ids_and_logprobs_are_the_endpoints_and_the_prompt_is_ours() -> None:
    async with TokenServer() as server:
        trace = await ask(server)
    assert trace == TokenTrace(prompt_ids=(9, 8, 7), ids_T=(4, 5, 6), logprobs_T=tuple(LOGPROBS), policy_version=0)
    assert server.paths == ["/v1/completions"]


async def test_the_policy_version_is_taken_where_there_is_one() -> None:
    answer = sampled()
    async with TokenServer(Answer({**answer.body, "policy_version": 7})) as server:
        assert (await ask(server)).policy_version == 7


async def test_the_request_leaves_nothing_to_the_defaults_of_the_model() -> None:
    async with TokenServer() as server:
        await ask(server)
        await ask(server, max_tokens=50)
        sampling = Sampling(temperature=0, top_p=0.9, max_tokens=5, seed=0, stop=("x",))
        await ask(server, sampling, model="m", max_tokens=50, api_key=SecretStr("k"), extra_body={"top_k": -1})
    always = {"prompt": PROMPT, "logprobs": 1, "return_token_ids": True, "user": "task"}
    assert server.asked == [
        always | {"temperature": 1, "top_p": 1},
        always | {"temperature": 1, "top_p": 1, "max_tokens": 50},
        always | {"temperature": 0, "top_p": 0.9, "max_tokens": 5, "seed": 0, "model": "m", "top_k": -1},
    ]
    assert server.headers["authorization"] == "Bearer k"


OVERFLOW = "This model's maximum context length is 512 tokens. However, your prompt contains 600 input tokens."


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (refused(500, "boom"), ModelFault, "500: boom"),
        (Answer(b"<html>bad gateway</html>", 502), ModelFault, "502.*bad gateway"),
        (refused(503, "the model is closed"), ModelFault, "closed"),
        (refused(400, OVERFLOW), ContextOverflowError, "512"),
        (refused(400, "max_tokens must be positive"), ModelRequestError, "max_tokens"),
        (refused(401, "no"), ModelRequestError, "401"),
        (Answer(b"", 307, {"location": "/elsewhere"}), ModelFault, "307"),
        (Answer(b"garbage"), ModelFault, "not JSON: 'garbage'"),
        (Answer(b"[" * 100_000), ModelFault, "not JSON"),
        (Answer(b"\xff\xfe{}"), ModelFault, "not JSON"),
        (Answer([1]), ModelFault, "not a JSON object"),
        (Answer({"error": {"message": "later", "code": 503}}), ModelFault, "later"),
        (Answer({"choices": []}), ModelFault, "no choice"),
        (sampled(finish="abort"), ModelFault, "abort"),
        (sampled((4, 5), LOGPROBS), ModelFault, "2 token ids and 3"),
        (sampled((4, 5, 6), LOGPROBS[:2]), ModelFault, "3 token ids and 2"),
        (sampled((), []), ModelFault, "0 token ids"),
        (sampled(None), ModelRequestError, "no token ids"),
        (sampled(logprobs=None), ModelRequestError, "no log-probabilities"),
        (sampled((4, "5", 6)), ModelFault, "numbers"),
        (sampled((4, True, 6)), ModelFault, "numbers"),
        (sampled((4, 5.0, 6)), ModelFault, "numbers"),
        (sampled("456"), ModelFault, "numbers"),
        (sampled(logprobs=[-1.0, None, -1.0]), ModelFault, "numbers"),
        (sampled(logprobs=[-1.0, float("nan"), -1.0]), ModelFault, "numbers"),
        (sampled(logprobs=[-1.0, float("-inf"), -1.0]), ModelFault, "numbers"),
        (sampled(prompt_token_ids=[1, *PROMPT]), ModelRequestError, "another prompt"),
        (Answer({**sampled().body, "policy_version": "new"}), ModelFault, "policy version"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
async def test_what_goes_wrong_is_a_typed_error(answer: Answer, error: type[FathomError], says: str) -> None:
    async with TokenServer(answer) as server:
        with pytest.raises(error, match=says) as caught:
            await ask(server)
    assert type(caught.value) is error


async def test_a_body_that_breaks_off_is_a_fault_at_whatever_byte() -> None:
    whole = len(json.dumps(sampled().body))
    for cut in (0, 1, whole // 2, whole - 1):
        async with TokenServer(Answer(sampled().body, cut=cut)) as server:
            with pytest.raises(ModelFault):
                await ask(server)


async def test_a_server_that_is_down_is_a_fault() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    model = HttpTokenModel(TokenEndpointConfig(base_url=f"http://127.0.0.1:{port}/v1"))
    with pytest.raises(ModelFault) as caught:
        await model.sample(PROMPT, Sampling())
    assert "is the server up" in caught.value.hint
    await model.close()


async def test_a_url_that_is_none_is_a_fault() -> None:
    model = HttpTokenModel(TokenEndpointConfig(base_url="nowhere"))
    with pytest.raises(ModelFault, match="nowhere"):
        await model.sample(PROMPT, Sampling())
    await model.close()


@pytest.mark.parametrize("late", [Answer(sampled().body, wait_s=2), Answer(sampled().body, drip_s=0.05)])
async def test_a_reply_that_does_not_end_in_time_is_a_fault(late: Answer) -> None:
    async with TokenServer(late) as server:
        with pytest.raises(ModelFault, match=r"within 0\.3 s"):
            await ask(server, timeout_s=0.3)


async def test_the_wish_to_be_asked_later_is_passed_on() -> None:
    async with TokenServer(refused(429, "slow down", {"retry-after": "3"})) as server:
        with pytest.raises(ModelFault) as caught:
            await ask(server)
    assert caught.value.retry_after_s == 3


async def test_no_more_requests_than_connections_and_their_time_counts_from_then_on() -> None:
    running = most = 0

    class Counting(TokenServer):
        async def _send(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.1)
            running -= 1
            await super()._send(writer, answer)

    async with Counting() as server:
        model = HttpTokenModel(TokenEndpointConfig(base_url=server.url, connections=2, timeout_s=0.5))
        traces = await asyncio.gather(*(model.sample(PROMPT, Sampling()) for _ in range(16)))  # 0.8 s together
        await model.close()
    assert len(traces) == 16 and most == 2


async def test_connections_are_used_again() -> None:
    opened = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        body = json.dumps(sampled().body).encode()
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        model = HttpTokenModel(TokenEndpointConfig(base_url=url))
        for _ in range(5):
            await model.sample(PROMPT, Sampling())
        await model.close()
    assert opened == 1


async def test_a_closed_client_asks_nothing() -> None:
    async with TokenServer() as server:
        model = HttpTokenModel(TokenEndpointConfig(base_url=server.url))
        await model.sample(PROMPT, Sampling())
        await model.close()
        with pytest.raises(ModelClosedError):
            await model.sample(PROMPT, Sampling())
    assert len(server.asked) == 1


async def test_an_empty_prompt_is_not_sent() -> None:
    model = HttpTokenModel(TokenEndpointConfig(base_url="http://127.0.0.1:9/v1"))
    with pytest.raises(ModelRequestError, match="empty"):
        await model.sample([], Sampling())
    await model.close()
