"""Guided: research for models too small to drive themselves.

The harness owns the control flow; the model only ever fills in small forms. Plan the lookups; for each one search,
open the best pages, read off the answer; combine the answers; quote what proves them. A plan that does not hold
together is replaced by the question's own grammar (`plan.parse`), and an answer is chosen among the spans its evidence
really contains (`spans.candidates`), so nothing can be invented.

Segments: plan, then one "extract" per lookup (or "select" where sentences are the answer).
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from fathom.agents.compose import Found, best_sentences, compose, decide
from fathom.agents.plan import Plan, parse, subject, usable
from fathom.agents.prompts import prompt
from fathom.agents.protocol import Act, Decision, Finish, NewSegment, Observation, State
from fathom.agents.shots import EXTRACT_SHOTS, PLAN_SHOTS
from fathom.agents.spans import candidates, kind_of
from fathom.core.config import Config
from fathom.core.errors import ToolError, WorldUnavailableFault
from fathom.core.evidence import Evidence
from fathom.core.message import Message, ToolCall
from fathom.core.text import fold, terms
from fathom.llm.protocol import Completion, Sampling
from fathom.llm.wire import ParsedReply, neutralise
from fathom.tools.window import relevance

_PLAN_SCHEMA = {
    "type": "object",
    "properties": {
        "lookups": {"type": "array", "items": {"type": "string", "maxLength": 160}, "minItems": 1, "maxItems": 4},
        "combine": {"enum": ["last", "same", "earlier", "later"]},
    },
    "required": ["lookups", "combine"],
    "additionalProperties": False,
}


class GuidedConfig(Config):
    """Settings of the guided policy."""

    pages: int = Field(default=3, ge=1, description="pages opened per lookup")
    text_chars: int = Field(default=1400, ge=200, description="characters of evidence the model reads per lookup")
    choices: int = Field(default=4, ge=1, description="candidate answers offered per lookup; one alone is taken")
    margin: float = Field(default=8, ge=0, description="how much farther (characters) than the likeliest they may be")
    sentences: int = Field(default=3, ge=1, description="sentences quoted where sentences are the answer")
    trust_plan: bool = Field(default=True, description="ask the model for a plan before the question's grammar decides")


@dataclass
class _Progress:
    plan: Plan
    found: list[Found] = field(default_factory=list)
    stage: Literal["search", "visit", "extract"] = "search"
    spans: list[Evidence] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    calls: int = 0

    @property
    def lookup(self) -> str:
        """The current lookup with the answers of earlier ones put in."""

        def answer(match: re.Match[str]) -> str:
            index = int(match.group(1)) - 1
            return (self.found[index].answer if index < len(self.found) else "") or match.group()

        return re.sub(r"#(\d)", answer, self.plan.lookups[len(self.found)])


class Guided:
    """The guided context policy."""

    def __init__(self, config: GuidedConfig = GuidedConfig()) -> None:
        self._config = config
        self._progress: _Progress | None = None

    def first(self, state: State) -> NewSegment:
        shots = [(asked, json.dumps(plan)) for asked, plan in PLAN_SHOTS]
        return _form("plan", prompt("guided_plan"), shots, state.task.question, _PLAN_SCHEMA, max_tokens=160)

    def read(self, completion: Completion, state: State) -> ParsedReply:
        return ParsedReply(text=completion.message.content)

    def record(self, completion: Completion, reply: ParsedReply) -> Message:
        return completion.message

    def observe(self, observation: Observation) -> Message:
        return Message(role="tool", content=neutralise(observation.result.text), tool_call_id=observation.call.id)

    def after(self, state: State) -> Decision:
        if state.forced is not None:
            return Finish(answer=self._answer(state))
        if self._progress is None:
            self._progress = _Progress(plan=self._plan(state))
            return self._next(state)
        progress = self._progress
        if progress.stage == "search":
            return self._visit(state)
        if progress.stage == "visit":
            return self._extract(state)
        progress.found.append(self._extracted(state))
        return self._next(state)

    def force(self, state: State) -> Finish | NewSegment:
        question = self._progress.lookup if self._unfinished() and self._progress else state.task.question
        spans = self._nearest(state.evidence, question)
        if not spans or self._progress is None:
            return Finish(answer=self._answer(state))
        self._progress.spans, self._progress.offered = spans, self._choices(question, spans)
        return self._reading(question, spans)

    def last_resort(self, state: State) -> str | None:
        return self._answer(state)

    def _plan(self, state: State) -> Plan:
        assert state.reply is not None
        question = state.task.question
        proposed = _read_plan(state.reply.text)
        own = parse(question)
        if proposed is None or not self._config.trust_plan or not usable(proposed, question):
            return own
        # What kind of question it is the grammar tells more surely than a small model does.
        if proposed.combine == own.combine:
            return proposed.model_copy(update={"options": own.options})
        return own

    def _unfinished(self) -> bool:
        return self._progress is not None and len(self._progress.found) < len(self._progress.plan.lookups)

    def _search(self) -> Act:
        assert self._progress is not None
        progress = self._progress
        progress.stage = "search"
        queries = list(dict.fromkeys([progress.lookup, subject(progress.lookup)]))
        return Act(calls=(self._call("search", {"query": queries}),))

    def _visit(self, state: State) -> Decision:
        assert self._progress is not None
        result = _reached(state).result
        urls = _best_pages(subject(self._progress.lookup), result.urls, result.titles)[: self._config.pages]
        if not urls:
            self._progress.found.append(Found(lookup=self._progress.lookup))
            return self._next(state)
        self._progress.stage = "visit"
        return Act(calls=(self._call("visit", {"url": urls, "goal": self._progress.lookup}),))

    def _extract(self, state: State) -> Decision:
        assert self._progress is not None
        progress = self._progress
        shown = set(_reached(state).result.evidence)
        progress.spans = self._nearest([item for item in state.evidence if item.id in shown], progress.lookup)
        if not progress.spans:
            progress.found.append(Found(lookup=progress.lookup))
            return self._next(state)
        progress.stage = "extract"
        progress.offered = self._choices(progress.lookup, progress.spans)
        if len(progress.offered) == 1:
            progress.found.append(Found.of_span(progress.lookup, progress.offered[0], progress.spans))
            return self._next(state)
        return self._reading(progress.lookup, progress.spans)

    def _choices(self, lookup: str, spans: list[Evidence]) -> list[str]:
        """The answers to choose from: sentences where these are the answer, else spans."""
        kind, most = kind_of(lookup), self._config.choices
        if kind == "prose":
            return best_sentences(lookup, spans, most=8)
        text = "\n".join(item.text for item in spans)
        margin = self._config.margin
        found = candidates(text, kind, question=lookup, most=most, margin=margin)
        return found if found or kind == "name" else candidates(text, "any", question=lookup, most=most, margin=margin)

    def _reading(self, lookup: str, spans: list[Evidence]) -> NewSegment:
        assert self._progress is not None
        text = "\n".join(item.text for item in spans)
        if kind_of(lookup) == "prose":
            numbered = "\n".join(f"{n}. {sentence}" for n, sentence in enumerate(self._progress.offered, 1))
            schema = {"type": "array", "items": {"enum": list(range(1, len(self._progress.offered) + 1))}}
            return _form(
                "select",
                "Choose the sentences that answer the question, by number.",
                [],
                f"{numbered}\n\nQuestion: {lookup}",
                _object("sentences", {**schema, "minItems": 1, "maxItems": self._config.sentences}),
            )
        options = self._progress.offered
        shots = [(f"Text: {t}\nQuestion: {q}", json.dumps({"answer": a})) for t, q, a in EXTRACT_SHOTS]
        answer = {"enum": options} if options else {"type": "string", "maxLength": 120}
        asked = f"Text: {text}\nQuestion: {lookup}"
        return _form("extract", prompt("guided_extract"), shots, asked, _object("answer", answer))

    def _extracted(self, state: State) -> Found:
        """What the form says; where it cannot be used, what the harness itself finds likeliest."""
        assert self._progress is not None
        progress = self._progress
        lookup, offered, spans = progress.lookup, progress.offered, progress.spans
        # Out of calls there is no reply to the last form; the one before was to another.
        replied = state.reply is not None and bool(state.segment.turns)
        reply = _read_object(state.reply.text) if state.reply is not None and replied else {}
        if kind_of(lookup) == "prose":
            numbers = reply.get("sentences")
            picked = [n for n in numbers if type(n) is int] if isinstance(numbers, list) else []
            chosen = [offered[n - 1] for n in picked[: self._config.sentences] if 1 <= n <= len(offered)]
            return Found.of_sentences(lookup, chosen or best_sentences(lookup, spans, most=1), spans)
        said = reply.get("answer")
        found = Found.of_span(lookup, said.strip() if isinstance(said, str) else "", spans)
        return found if found.answer or not offered else Found.of_span(lookup, offered[0], spans)

    def _next(self, state: State) -> Decision:
        while self._progress is not None and self._unfinished():
            if not re.search(r"#\d", self._progress.lookup):
                return self._search()
            # An answer it needs was not found; a search without it would bring an answer to something else.
            self._progress.found.append(Found(lookup=self._progress.lookup))
        return Finish(answer=self._answer(state))

    def _answer(self, state: State) -> str | None:
        if self._progress is None:
            return None
        progress = self._progress
        # What was read for another lookup answers this one only if the model, asked, says so.
        read = progress.stage == "extract" or bool(state.segment.turns)
        if self._unfinished() and state.forced is not None and progress.spans and read:
            progress.found.append(self._extracted(state))
        return compose(decide(self._progress.plan, self._progress.found), self._progress.found)

    def _nearest(self, evidence: list[Evidence], lookup: str) -> list[Evidence]:
        """The evidence nearest to the lookup that fits, pages named in it first, in order of citing."""
        scores = relevance(lookup, [f"{item.title} {item.text}" for item in evidence])
        named = fold(lookup)
        ranked = sorted(
            range(len(evidence)), key=lambda i: (fold(_plain_title(evidence[i].title)) not in named, -scores[i], i)
        )
        chosen: list[int] = []
        room = self._config.text_chars
        for index in ranked:
            if len(evidence[index].text) <= room or not chosen:
                chosen.append(index)
                room -= len(evidence[index].text)
        return [evidence[index] for index in chosen]

    def _call(self, name: str, arguments: dict[str, Any]) -> ToolCall:
        assert self._progress is not None
        self._progress.calls += 1
        return ToolCall(id=f"guided-{self._progress.calls}", name=name, arguments=arguments)


def _form(
    role: str, system: str, shots: list[tuple[str, str]], asked: str, schema: dict[str, Any], max_tokens: int = 120
) -> NewSegment:
    messages = [Message(role="system", content=system)]
    for question, reply in shots:
        messages += [Message(role="user", content=question), Message(role="assistant", content=reply)]
    # What is asked holds text of pages, which must not be able to pose as a turn of the conversation.
    messages.append(Message(role="user", content=neutralise(asked)))
    sampling = Sampling(temperature=0, top_p=1, presence_penalty=0, max_tokens=max_tokens, json_schema=schema)
    return NewSegment(role=role, messages=tuple(messages), sampling=sampling)


def _reached(state: State) -> Observation:
    """The last observation. Raises `WorldUnavailableFault` where the world did not answer: to go on as if nothing had
    been found would make a fault of the infrastructure a wrong answer."""
    last = state.observations[-1]
    if last.error in ToolError.INFRASTRUCTURE:
        raise WorldUnavailableFault(last.result.text)
    return last


def _object(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {key: schema}, "required": [key], "additionalProperties": False}


def _read_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _read_plan(text: str) -> Plan | None:
    reply = _read_object(text)
    lookups, combine = reply.get("lookups"), reply.get("combine")
    if not isinstance(lookups, list) or not all(isinstance(item, str) for item in lookups):
        return None
    if combine not in ("last", "same", "earlier", "later"):
        return None
    return Plan(lookups=tuple(lookups), combine=combine)


def _plain_title(title: str) -> str:
    return re.sub(r"\s*\([^)]*\)$", "", title)


def _best_pages(about: str, urls: tuple[str, ...], titles: tuple[str, ...]) -> list[str]:
    """The pages whose title is what the lookup is about, if there are any: a small model is led astray by more. Else
    those that share words with it, then the others, by rank."""
    wanted, bare = fold(about), fold(_plain_title(about))
    named = [url for url, title in zip(urls, titles, strict=True) if fold(title) == wanted]
    named = named or [url for url, title in zip(urls, titles, strict=True) if fold(_plain_title(title)) == bare]
    if named:
        return named
    shared = [bool(set(terms(bare)) & set(terms(title))) for title in titles]
    return [urls[index] for index in sorted(range(len(urls)), key=lambda index: (not shared[index], index))]
