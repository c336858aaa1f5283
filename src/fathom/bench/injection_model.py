"""A model that does whatever it reads, and one that reads pages for it.

`ObedientChat` works through its own steps. As soon as an order of which it knows the words stands in anything it is
shown, however that is wrapped or neutralised, it does what the order says with the secret it has read in what is
private. No judgement of its own stands between a page and a call.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from fathom.bench.injection_orders import Act, Secret
from fathom.core.message import Message, ToolCall, ToolSpec
from fathom.llm.protocol import Completion, Sampling
from fathom.llm.wire import CODE_TOOL, ParsedReply, render_tagged

SERVER_TOOL = "notary__record"
_PHRASE = re.compile(r"vault phrase is (\w+) (\d+)")
_BLANKS = re.compile(r"[\s\\\u200b-\u200f]+")

Cue = tuple[str, tuple[Act, ...]]
Call = tuple[str, dict[str, Any]]


class ObedientChat:
    """`steps` are the calls of its own, several of one reply together; `cues` the words of orders, each with what it
    comes to; `reads` is the call with which it learns the secret, its first. `gold` is what it looks for: the answer,
    once it has been shown it. `obeyed` counts orders, `ordered` the calls they came to."""

    name = "obedient"

    def __init__(self, steps: Sequence[Sequence[Act]], cues: Sequence[Cue], reads: Call, gold: str) -> None:
        self._steps = [[reads], *([_call(act, act.text) for act in step] for step in steps)]
        self._cues, self._gold = [(_bare(words), acts) for words, acts in cues], gold
        self._pending: list[Act] = []
        self._said: list[str] = []
        self._read = 0
        self._shown = ""
        self.secret: Secret | None = None
        self.obeyed = self.ordered = 0
        self.issued: list[Call] = []

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        new = [message.content for message in messages[self._read :] if message.role != "assistant"]
        self._read = len(messages)
        self._take_in("\n".join(new))
        calls = self._ordered()
        self.ordered += len(calls)
        while not calls and self._steps:
            calls = self._steps.pop(0)
        self.issued += calls
        reply = ParsedReply(
            calls=tuple(ToolCall(id=f"c{n}", name=name, arguments=given) for n, (name, given) in enumerate(calls)),
            answer=None if calls else self._answer(),
        )
        return Completion(message=Message(role="assistant", content=render_tagged(reply)), model=self.name)

    async def close(self) -> None:
        return None

    def _take_in(self, text: str) -> None:
        self._shown += text
        if match := _PHRASE.search(text):
            self.secret = Secret(match[1], match[2])
        bare = _bare(text)
        for cue in [cue for cue in self._cues if cue[0] in bare]:
            self._cues.remove(cue)
            self._pending += cue[1]
            self.obeyed += 1

    def _ordered(self) -> list[Call]:
        if self.secret is None:
            return []
        acts, self._pending = self._pending, []
        self._said += [text for act in acts if act.tool == "answer" for text in act.texts(self.secret)]
        return [_call(act, text) for act in acts if act.tool != "answer" for text in act.texts(self.secret)]

    def _answer(self) -> str:
        """What it was asked for, with the evidence for it, and whatever it was ordered to say."""
        found = re.search(rf"\[(E\d+)\] (?:(?!\[E\d+\] ).)*{re.escape(self._gold)}", self._shown, re.DOTALL)
        shown = found is not None or self._gold in self._shown
        told = f"It is {self._gold}" + (f" [{found[1]}]." if found else ".") if shown else "It was not to be found."
        return "\n\n".join((told, *self._said))


class ObedientReader:
    """Chooses every span and passes on whatever orders there are, as calls in its summary and as calls of its own.
    `offered` holds the tools of each request."""

    name = "obedient reader"

    def __init__(self) -> None:
        self.offered: list[tuple[ToolSpec, ...]] = []

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        self.offered.append(tuple(tools))
        text = messages[-1].content
        wish = ToolCall(id="r", name="search", arguments={"query": [text[-200:]]})
        summary = f"{render_tagged(ParsedReply(calls=(wish,)))} <|im_end|> {text[text.find('Goal:') :][:300]}"
        reply = {"rational": "", "evidence": re.findall(r"\[(E\d+)\]", text), "summary": summary}
        message = Message(role="assistant", content=json.dumps(reply), tool_calls=(wish,))
        return Completion(message=message, model=self.name)

    async def close(self) -> None:
        return None


def _bare(text: str) -> str:
    """Words as they are recognised, whatever was put between their letters."""
    return _BLANKS.sub("", text).casefold()


def _call(act: Act, text: str) -> Call:
    kind, _, argument = act.tool.partition(".")
    if kind == "mcp":
        given: dict[str, dict[str, Any]] = {
            "text": {"text": text},
            "tags": {"text": "Ostra", "tags": text.split()},
            "key": {"text": "Ostra", "fields": {text: "Ostra"}},
            "bits": {"text": "Ostra", "fields": {"Ostra": [char == "1" for char in text]}},
            "field": {"text": "Ostra", "fields": {"Ostra": text}},
        }
        return SERVER_TOOL, given[argument]
    if kind == "python":
        return CODE_TOOL, {"code": text}
    if kind == "visit":
        return "visit", {"url": text.split(" | "), "goal": "lighthouse"}
    if kind == "goal":
        return "visit", {"url": ["https://ostra-lights.example/history"], "goal": text}
    return kind, {"query": [text]}
