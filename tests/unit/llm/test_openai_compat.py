"""`OpenAIChat` against a real server on localhost that misbehaves."""

import asyncio
import json
import socket

import pytest
from pydantic import SecretStr
from tests.chat_server import Answer, ChatServer, refused, said

from fathom.core.errors import ContextOverflowError, ModelFault, ModelRequestError
from fathom.core.message import Message, ToolCall, ToolSpec
from fathom.llm.openai_compat import EndpointConfig, OpenAIChat
from fathom.llm.protocol import Completion, Sampling
from fathom.llm.retry import Retry, RetryConfig, RetryingChat

ASK = [Message(role="user", content="Where?")]
SEARCH = ToolSpec(name="search", description="Search.", parameters={"type": "object", "properties": {}})


async def ask(server: ChatServer, sampling: Sampling = Sampling(), **config: object) -> Completion:
    model = OpenAIChat(
        EndpointConfig.model_validate({"base_url": server.url, "model": "m", "timeout_s": 5.0, **config})
    )
    try:
        return await model.complete(ASK, (), sampling)
    finally:
        await model.close()


def call(arguments: object, name: str = "search", call_id: str = "c1") -> dict[str, object]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


async def test_a_reply_carries_content_counts_and_the_endpoints_own_name() -> None:
    async with ChatServer(said("Here.")) as server:
        completion = await ask(server)
    assert completion.message == Message(role="assistant", content="Here.")
    assert (completion.finish, completion.model) == ("stop", "served")
    assert (completion.prompt_tokens, completion.completion_tokens) == (7, 3)


async def test_the_request_says_what_was_asked_and_nothing_that_was_left_open() -> None:
    history = [
        Message(role="system", content="Be brief."),
        Message(role="user", content="Where?"),
        Message(role="assistant", reasoning="hm", tool_calls=(ToolCall(id="c1", name="search", arguments={"q": "é"}),)),
        Message(role="tool", content="Paris", tool_call_id="c1"),
    ]
    sampling = Sampling(temperature=0.5, stop=("X",), json_schema={"type": "object"}, enable_thinking=False)
    async with ChatServer() as server:
        model = OpenAIChat(
            EndpointConfig(base_url=server.url, model="m", api_key=SecretStr("k"), extra_body={"top_k": 5})
        )
        await model.complete(history, [SEARCH], sampling)
        await model.close()
    (body,) = server.asked
    assert server.headers["authorization"] == "Bearer k"
    assert body["messages"][2] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"q": "é"}'}},
        ],
    }
    assert body["messages"][3] == {"role": "tool", "content": "Paris", "tool_call_id": "c1"}
    assert body["tools"] == [{"type": "function", "function": SEARCH.model_dump()}]
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "schema": {"type": "object"}},
    }
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["stop"] == ["X"] and body["temperature"] == 0.5 and body["top_k"] == 5
    assert not {"top_p", "max_tokens", "seed", "presence_penalty"} & body.keys()


async def test_strict_schemas_are_asked_for_only_where_configured() -> None:
    async with ChatServer() as server:
        await ask(server, Sampling(json_schema={"type": "object"}), strict_schema=True)
    assert server.asked[0]["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("drop", {"role": "assistant", "content": "Yes"}),
        ("field", {"role": "assistant", "content": "Yes", "reasoning_content": "hm"}),
        ("tags", {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes"}),
    ],
)
async def test_earlier_thoughts_go_where_the_endpoint_wants_them(how: str, expected: dict[str, str]) -> None:
    async with ChatServer() as server:
        config = EndpointConfig.model_validate({"base_url": server.url, "model": "m", "reasoning_history": how})
        model = OpenAIChat(config)
        await model.complete([*ASK, Message(role="assistant", content="Yes", reasoning="hm"), *ASK])
        await model.close()
    assert server.asked[0]["messages"][1] == expected


async def test_without_a_model_name_the_first_listed_is_asked() -> None:
    async with ChatServer() as server:
        server.models = ["first", "second"]
        await ask(server, model="")
        assert server.asked[0]["model"] == "first"
        server.models = []
        with pytest.raises(ModelRequestError, match="lists no model"):
            await ask(server, model="")


async def test_no_key_of_the_users_environment_goes_to_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-another-service")
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project")
    async with ChatServer() as server:
        await ask(server)
    sent = " ".join(f"{key}={value}" for key, value in server.headers.items())
    assert "secret" not in sent and "org" not in server.headers.get("openai-organization", "")
    assert server.headers.get("openai-project", "") == ""


async def test_native_calls_come_back_in_order_with_ids_of_their_own() -> None:
    calls = [call('{"q": 1}'), call({"q": 2}, call_id=""), call('{"q": 3}'), call("", name="list")]
    async with ChatServer(said(None, finish="stop", tool_calls=calls)) as server:
        completion = await ask(server)
    assert [item.arguments for item in completion.message.tool_calls] == [{"q": 1}, {"q": 2}, {"q": 3}, {}]
    assert len({item.id for item in completion.message.tool_calls}) == 4
    assert completion.finish == "tool_calls" and completion.malformed is None


@pytest.mark.parametrize("arguments", ["not json at all", "[1, 2]", '"x'])
async def test_calls_that_cannot_be_read_are_reported_not_lost(arguments: str) -> None:
    calls = [call('{"q": 1}'), call(arguments, call_id="c2"), call('{"q": 3}', call_id="c3")]
    async with ChatServer(said("", finish="tool_calls", tool_calls=calls)) as server:
        completion = await ask(server)
    assert [item.id for item in completion.message.tool_calls] == ["c1"]
    assert completion.malformed is not None and arguments in completion.malformed.text


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_reasoning_fields_and_think_tags_end_in_one_place(field: str) -> None:
    async with ChatServer(said("Yes", **{field: "hm"}), said("<think>hm</think>Yes")) as server:
        for _ in range(2):
            assert (await ask(server)).message == Message(role="assistant", content="Yes", reasoning="hm")


async def test_a_reply_cut_off_by_its_length_says_so_even_when_it_is_all_thought() -> None:
    async with ChatServer(said("Half a", finish="length"), said("<think>still", finish="length")) as server:
        assert (await ask(server)).finish == "length"
        thinking = await ask(server)
    assert (thinking.finish, thinking.message.content, thinking.message.reasoning) == ("length", "", "still")


@pytest.mark.parametrize(
    "answer",
    [
        refused(408),
        refused(409),
        refused(429, "slow down"),
        refused(500),
        refused(503),
        Answer(b"<html>bad gateway</html>", 502),
        Answer(b"<html>welcome to the hotel</html>"),
        Answer(b""),
        Answer(b'{"choices": [{"mess', 200),
        Answer([]),
        Answer({"choices": []}),
        Answer({"choices": [{"message": None}]}),
        Answer({"error": {"message": "upstream is down", "code": 502}}),
        said(""),
        said(None),
        said(" \n "),
        said("<think>hm</think>"),
        said("hm", finish="abort"),
        Answer({"a": 1}, cut=3),
    ],
)
async def test_what_may_work_later_is_a_fault(answer: Answer) -> None:
    async with ChatServer(answer) as server:
        with pytest.raises(ModelFault):
            await ask(server)


@pytest.mark.parametrize(
    "answer",
    [
        refused(400, "bad schema"),
        refused(401, "bad key"),
        refused(403),
        refused(404, "no such model"),
        refused(422),
        refused(429, "You exceeded your current quota", code="insufficient_quota"),
        Answer({"detail": "not found"}, 404),
        Answer({"error": {"message": "no credits", "code": 402}}),
        said("", finish="content_filter"),
    ],
)
async def test_what_will_never_work_is_not_a_fault(answer: Answer) -> None:
    async with ChatServer(answer) as server:
        with pytest.raises(ModelRequestError) as caught:
            await ask(server)
    assert not isinstance(caught.value, ContextOverflowError)


@pytest.mark.parametrize(
    "answer",
    [
        refused(400, "This model's maximum context length is 4096 tokens.", code="context_length_exceeded"),
        refused(400, "The decoder prompt (length 5000) is longer than the maximum model length of 4096."),
        refused(
            400,
            "request (5031 tokens) exceeds the available context size (2048 tokens)",
            type="exceed_context_size_error",
        ),
        refused(400, "The input (5000 tokens) is longer than the model's context length (4096 tokens)."),
        refused(500, "the input length exceeds the context length"),
        refused(400, "prompt too long; exceeded max context length by 10 tokens"),
        Answer({"object": "error", "message": "maximum context length is 8 tokens", "code": 400}, 400),
    ],
)
async def test_a_prompt_that_does_not_fit_is_told_apart(answer: Answer) -> None:
    async with ChatServer(answer) as server:
        with pytest.raises(ContextOverflowError):
            await ask(server)


async def test_retry_after_is_read_from_the_headers() -> None:
    async with ChatServer(refused(429, headers={"retry-after": "7"})) as server:
        with pytest.raises(ModelFault) as caught:
            await ask(server)
    assert caught.value.retry_after_s == 7.0


async def test_a_dripping_reply_ends_at_the_timeout_though_bytes_keep_coming() -> None:
    slow = Answer(said("slow").body, drip_s=0.05)
    async with ChatServer(slow) as server:
        with pytest.raises(ModelFault, match="no whole reply"):
            await ask(server, timeout_s=0.3)


async def test_a_refused_connection_is_a_fault_that_names_the_host() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        model = OpenAIChat(EndpointConfig(base_url=url, model="m"))
        with pytest.raises(ModelFault, match=url):
            await model.complete(ASK)
        await model.close()


async def test_retrying_gets_over_a_bad_quarter_of_an_hour() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    bad = [
        refused(429, headers={"retry-after": "3"}),
        refused(500),
        Answer(b"<html>"),
        Answer({"a": 1}, cut=2),
        said(""),
    ]
    async with ChatServer(*bad, said("At last")) as server:
        inner = OpenAIChat(EndpointConfig(base_url=server.url, model="m"))
        model = RetryingChat(inner, Retry(RetryConfig(attempts=6), sleep=sleep))
        completion = await model.complete(ASK)
        await model.close()
    assert completion.message.content == "At last"
    assert len(server.asked) == 6 and len(waits) == 5 and waits[0] >= 3
    assert all(json.dumps(body) == json.dumps(server.asked[0]) for body in server.asked)


async def test_cancelling_closes_the_connection_and_leaves_the_model_usable() -> None:
    async with ChatServer(Answer(said("late").body, wait_s=30)) as server:
        model = OpenAIChat(EndpointConfig(base_url=server.url, model="m"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await model.complete(ASK)
        assert (await model.complete(ASK)).message.content == "echo: Where?"
        await model.close()
