"""The examination against models whose every weakness is known."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from fathom.core.errors import ContextOverflowError, ModelFault, ModelRequestError
from fathom.core.message import Message, ToolCall, ToolSpec
from fathom.llm.doctor.context import NEEDLES
from fathom.llm.doctor.examine import examine
from fathom.llm.doctor.languages import QUESTIONS, language_of
from fathom.llm.doctor.subject import DoctorConfig
from fathom.llm.profile import Finding, ModelProfile
from fathom.llm.protocol import Completion, Sampling
from fathom.llm.scripted import ScriptedChat

CONFIG = DoctorConfig(max_context_tokens=16_384)
IN_LANGUAGE = {
    "en": "Tokyo is the capital of Japan. It is known for its food.",
    "zh": "日本的首都是东京。东京以美食闻名。",
    "fr": "La capitale du Japon est Tokyo. Elle est connue pour les temples.",
    "es": "La capital de Japón es Tokio. Es conocida por los templos y la comida.",
}


@dataclass
class FakeModel:
    """A model that does all it is asked, apart from the weaknesses it is given. Four characters are a token."""

    context: int = 1_000_000
    overflow: Literal["refuse", "head", "middle"] = "refuse"
    counts: Literal["seen", "sent", "none"] = "seen"
    schema: bool = True
    native: bool = True
    tagged: bool = True
    recall: int = 1_000_000
    languages: tuple[str, ...] = tuple(QUESTIONS)
    leak: str = ""
    reasoning: str | None = None
    name: str = "fake"
    asked: int = 0
    closed: bool = False

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        self.asked += 1
        prompt = "\n".join(message.content for message in messages)
        sent, limit = len(prompt) // 4, self.context * 4
        if len(prompt) > limit:
            if self.overflow == "refuse":
                raise ContextOverflowError("the prompt is too long")
            kept = prompt[-limit:] if self.overflow == "head" else prompt[: limit // 2] + prompt[-limit // 2 :]
            prompt = kept
        counted = {"seen": len(prompt) // 4, "sent": sent, "none": 0}[self.counts]
        message = self._reply(prompt, messages, tools, sampling)
        message = message.model_copy(update={"content": self.leak + message.content, "reasoning": self.reasoning})
        return Completion(
            message=message, prompt_tokens=counted, completion_tokens=12 if counted else 0, model="fake-1"
        )

    def _reply(
        self, prompt: str, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Message:
        if sampling.json_schema is not None and self.schema:
            return _says(json.dumps(_instance(sampling.json_schema)))
        if tools and self.native:
            if messages[-1].role == "tool":
                return _says("It is 8,849 metres high.")
            call = ToolCall(id="x", name="search", arguments={"query": ["Everest"]})
            return Message(role="assistant", tool_calls=(call,))
        if "<tools>" in prompt and self.tagged:
            return _says('<tool_call>\n{"name": "search", "arguments": {"query": ["Everest"]}}\n</tool_call>')
        for fact, question in NEEDLES.values():
            if question in prompt:
                seen = re.search(fact.format(r"(\d+)"), prompt[-self.recall * 4 :])
                return _says(seen[1] if seen else "I do not know.")
        for lang, question in QUESTIONS.items():
            if question in prompt:
                return _says(IN_LANGUAGE[lang if lang in self.languages else "en"])
        return _says("Paris." if "capital of France" in prompt else "I am a helpful assistant.")

    async def close(self) -> None:
        self.closed = True


def _says(text: str) -> Message:
    return Message(role="assistant", content=text)


def _instance(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {key: _instance(inner) for key, inner in schema["properties"].items()}
    return {"boolean": True, "integer": 8, "string": "text"}[schema["type"]]


def finding(profile: ModelProfile, words: str) -> Finding:
    found = [item for item in profile.findings if words in item.what]
    assert len(found) == 1, [item.what for item in profile.findings]
    return found[0]


async def test_an_able_model_is_usable() -> None:
    model = FakeModel()
    profile = await examine(model, "m@http://here/v1", CONFIG)
    assert profile.verdict == "usable", profile.findings
    assert profile.strategy == "schema" and profile.model == "fake-1" and profile.spec == "m@http://here/v1"
    assert profile.context.end == "bounds" and profile.context.counted
    assert profile.context.tokens == pytest.approx(16_384, rel=0.02)
    assert profile.context.recall_tokens == profile.context.tokens
    assert profile.languages == dict.fromkeys(QUESTIONS, True)
    assert profile.reasoning == "none" and profile.calls == model.asked
    assert all(item.level == "ok" for item in profile.findings)


@pytest.mark.parametrize("overflow", ["head", "middle"])
async def test_a_silent_cut_shows_in_the_counted_tokens(overflow: Literal["head", "middle"]) -> None:
    profile = await examine(FakeModel(context=4096, overflow=overflow), "m", CONFIG)
    assert profile.context.end == "silent"
    assert profile.context.tokens == pytest.approx(4096, rel=0.01)
    cut = finding(profile, "cut without a word")
    assert cut.level == "warn" and "num_ctx" in cut.advice and "OLLAMA_CONTEXT_LENGTH" in cut.advice
    assert profile.verdict == "limited"


async def test_a_silent_cut_of_an_endpoint_that_counts_nothing_shows_in_the_lost_start() -> None:
    profile = await examine(FakeModel(context=4096, overflow="head", counts="none"), "m", CONFIG)
    assert profile.context.end == "silent" and not profile.context.counted
    assert 0.85 * 4096 <= profile.context.tokens <= 1.02 * 4096
    assert finding(profile, "counts no prompt tokens").level == "warn"


async def test_a_silent_cut_behind_counts_of_what_was_sent_shows_in_what_is_recalled() -> None:
    profile = await examine(FakeModel(context=4096, overflow="head", counts="sent"), "m", CONFIG)
    assert profile.context.recall_tokens < 4200 and profile.context.recalled["end"] > 16_000
    lost = finding(profile, "recalled up to")
    assert lost.level == "warn" and "start" in lost.what and "silently" in lost.advice


async def test_an_honest_limit_is_found_by_bisection() -> None:
    profile = await examine(FakeModel(context=6000), "m", CONFIG)
    assert profile.context.end == "refused"
    assert 0.9 * 6000 <= profile.context.tokens <= 6000
    assert "refused" in finding(profile, "taken, longer ones").what


async def test_a_tiny_context_is_unusable() -> None:
    profile = await examine(FakeModel(context=1500, overflow="head"), "m", CONFIG)
    assert profile.context.tokens == pytest.approx(1500, rel=0.01)
    assert profile.verdict == "unusable"


async def test_a_weak_memory_is_not_taken_for_a_cut() -> None:
    profile = await examine(FakeModel(recall=1), "m", CONFIG)
    assert profile.context.end == "bounds" and profile.context.tokens > 16_000
    assert profile.context.recall_tokens == 0
    assert finding(profile, "recalled up to 0").level == "warn"


async def test_a_model_that_ignores_the_schema_calls_natively() -> None:
    profile = await examine(FakeModel(schema=False), "m", CONFIG)
    assert profile.strategy == "native" and profile.json_schema.passed == 0
    ignored = finding(profile, "JSON schema: 0 of 2")
    assert ignored.level == "warn" and ignored.advice and "not JSON" in ignored.what
    assert finding(profile, "tagged calls").level == "ok"


async def test_a_model_without_native_calls_speaks_tags() -> None:
    profile = await examine(FakeModel(schema=False, native=False), "m", CONFIG)
    assert profile.strategy == "tagged"
    assert "--enable-auto-tool-choice" in finding(profile, "native tool calls: 0 of 2").advice


async def test_a_model_that_can_do_none_of_it_is_repaired() -> None:
    profile = await examine(FakeModel(schema=False, native=False, tagged=False), "m", CONFIG)
    assert profile.strategy == "repair" and profile.verdict == "limited"
    assert "guided" in finding(profile, "calling strategy: repair").advice


@pytest.mark.parametrize("leak", ["<think>hm</think>", "<|channel|>analysis", "[THINK]hm[/THINK]"])
async def test_leaking_thoughts_are_seen(leak: str) -> None:
    profile = await examine(FakeModel(leak=leak), "m", CONFIG)
    assert profile.reasoning == "leaks"
    assert "--reasoning-parser" in finding(profile, "thoughts leak").advice


async def test_thoughts_kept_apart_are_no_leak() -> None:
    profile = await examine(FakeModel(reasoning="Let me think."), "m", CONFIG)
    assert profile.reasoning == "separate" and profile.verdict == "usable"


async def test_languages() -> None:
    profile = await examine(FakeModel(languages=("en", "zh")), "m", CONFIG)
    assert profile.languages == {"en": True, "zh": True, "fr": False, "es": False}
    assert "fr, es" in finding(profile, "does not reply in the language").what


@pytest.mark.parametrize(("lang", "text"), IN_LANGUAGE.items())
def test_language_of(lang: str, text: str) -> None:
    assert language_of(text) == lang


@pytest.mark.parametrize("text", ["", "Tokyo", "42", "日本の首都は東京です。とても大きな町です。", "Hauptstadt Japans"])
def test_language_of_says_nothing_it_does_not_know(text: str) -> None:
    assert language_of(text) == ""


async def test_a_model_that_refuses_everything_is_unusable() -> None:
    model = ScriptedChat(lambda messages: "I'm sorry, but I can't help with that.")
    profile = await examine(model, "m", CONFIG)
    assert profile.verdict == "unusable"
    assert "instruction-tuned" in finding(profile, "did not do one thing").advice


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModelFault("http://x/v1: connection refused", hint="is the server up?"), "is the server up?"),
        (ModelRequestError("the endpoint answered 401: no", hint="check the API key (FATHOM_API_KEY)"), "API key"),
        (ModelRequestError("the endpoint answered 404: no model m", hint="check the model's name"), "model's name"),
    ],
)
async def test_an_endpoint_that_does_not_answer_is_one_clear_finding(error: ModelFault, words: str) -> None:
    model = ScriptedChat(lambda messages: error)
    profile = await examine(model, "m", CONFIG)
    assert profile.verdict == "unusable" and len(model.asked) == 1
    assert [item.level for item in profile.findings] == ["fail"]
    assert str(error) in profile.findings[0].what and words in profile.findings[0].advice


async def test_a_failing_probe_does_not_end_the_examination() -> None:
    def reply(messages: Sequence[Message]) -> str | ModelFault:
        if len(messages) > 1 or "Paris" in messages[0].content:
            return ModelFault("the endpoint answered 500: grammar")
        return "Paris"

    profile = await examine(ScriptedChat(reply), "m", CONFIG)
    assert "500" in profile.tagged.note and profile.tagged.passed == 0
    assert profile.strategy == "repair" and profile.languages


async def test_bounds_in_tokens_hold() -> None:
    model = FakeModel()
    profile = await examine(model, "m", DoctorConfig(max_context_tokens=131_072, budget_tokens=30_000))
    assert profile.tokens <= 30_000 and profile.context.end == "bounds" and profile.context.tokens >= 2000
    assert "--tokens" in finding(profile, "could be checked up to").advice


async def test_bounds_in_seconds_hold() -> None:
    now = 0.0

    def clock() -> float:
        return now

    class SlowModel(FakeModel):
        async def complete(self, messages: Sequence[Message], *args: Any, **kwargs: Any) -> Completion:
            nonlocal now
            now += sum(len(message.content) for message in messages) / 4 / 500  # 500 tokens per second
            return await super().complete(messages, *args, **kwargs)

    profile = await examine(SlowModel(), "m", DoctorConfig(budget_s=60), clock=clock)
    assert profile.seconds <= 60 and profile.context.tokens >= 2000
    assert profile.speed.prefill_tokens_per_s == pytest.approx(500, rel=0.05)


async def test_a_request_that_hangs_leaves_time_for_the_other_probes() -> None:
    class Hanging(FakeModel):
        async def complete(self, messages: Sequence[Message], *args: Any, **kwargs: Any) -> Completion:
            if "Paris" in messages[0].content:
                await asyncio.sleep(60)
            return await super().complete(messages, *args, **kwargs)

    profile = await examine(Hanging(), "m", DoctorConfig(max_context_tokens=2048, budget_s=1.0))
    assert "no reply within" in profile.json_schema.note and profile.json_schema.passed == 1
    assert profile.native_tools.reliable and profile.languages and profile.context.tokens > 1900
