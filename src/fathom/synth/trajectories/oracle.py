"""`OracleChat`: a chat model that knows how a question was made, and acts through the tools only.

It replies in the tagged wire from what the conversation shows: picks the hit whose title it looks for, asks again in
other words where a search missed, opens the page, and goes on only if the page says what the plan promises. Thoughts
name what is known by then and never what only the next observation reveals. One instance serves one attempt.
"""

import re
from collections.abc import Sequence
from random import Random

from fathom.core.message import Message, ToolCall, ToolSpec
from fathom.core.seeds import stream
from fathom.core.task import Task
from fathom.llm.protocol import Completion, Sampling
from fathom.llm.wire import ParsedReply, render_tagged
from fathom.synth.sailorfog.draft import Lookup

_HIT = re.compile(r"^\d+\. \[(.*)\]\((\S+)\)", re.MULTILINE)
_EVIDENCE = re.compile(r"^\[(E\d+)\] (.*?)(?=^\[E\d+\] |\Z)", re.MULTILINE | re.DOTALL)

# `rest` is what of the plan comes after: whether to go on stands in the thought, where a small model finds it again.
_SEEK = (
    "Find the {noun} of {entity}{rest}.",
    "I need the {noun} of {entity}{rest}.",
    "Look up {entity} for the {noun}{rest}.",
)
_SEEK_CLUES = ("Look for the {noun} that these clues fit{rest}.", "Search for the {noun} by its clues{rest}.")
_AGAIN = ("Nothing fits. Try other words.", "Not there. Search again.")
_OPEN = ("Open {entity}.", "{entity} is there. Open it.")
# What was asked for stands before the value, for a small model finds it by that; whether to go on is said after it.
_FOUND = ("The {noun} is {value}.", "The {noun} of {entity} is {value}.")
GIVEN_UP = "I could not find out."


class OracleChat:
    """Follows `task.meta["plan"]`. Wording varies with `seed`."""

    name = "oracle"

    def __init__(self, task: Task, seed: int) -> None:
        self._steps = [Lookup.model_validate(step) for step in task.meta["plan"]]
        self._random = stream(seed, "oracle", task.id)
        self._at = self._tries = self._calls = 0
        self._searched = False
        self._learnt = ""

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        """As `ChatModel.complete`. Tools and sampling change nothing."""
        reply = self._reply(messages[-1].content)
        return Completion(message=Message(role="assistant", content=render_tagged(reply)), model=self.name)

    async def close(self) -> None:
        """Nothing is open."""

    def _reply(self, seen: str) -> ParsedReply:
        step = self._steps[self._at]
        if not self._calls:
            return self._search(step)
        if self._searched:
            url = next((url for title, url in _HIT.findall(seen) if title == step.entity), None)
            return self._visit(step, url) if url else self._search_again(step)
        evidence = next((name for name, text in _EVIDENCE.findall(seen) if step.value in text), None)
        if evidence is None:
            return _answer("The page does not say it.", GIVEN_UP)
        return self._next(step, evidence)

    def _next(self, step: Lookup, evidence: str) -> ParsedReply:
        value = step.value
        found = self._one_of(_FOUND, noun=step.noun, entity=step.entity, value=value)
        if self._at + 1 == len(self._steps):
            return _answer(found, f"{value} [{evidence}]")
        self._learnt = found + " "
        self._at, self._tries = self._at + 1, 0
        return self._search(self._steps[self._at])

    def _search(self, step: Lookup) -> ParsedReply:
        forms = _SEEK_CLUES if step.found else _SEEK
        rest = "".join(f", then the {later.noun}" for later in self._steps[self._at + 1 :])
        thought = self._learnt + self._one_of(forms, noun=step.noun, entity=step.entity, rest=rest)
        self._learnt = ""
        return self._call(thought, "search", {"query": [step.query]}, searched=True)

    def _search_again(self, step: Lookup) -> ParsedReply:
        self._tries += 1
        words = step.query.split()
        others = [" ".join([*words, step.noun]), " ".join(reversed(words)), *words]
        if self._tries > len(others):
            return _answer("Nothing I searched for led there.", GIVEN_UP)
        query = others[self._tries - 1]
        return self._call(self._one_of(_AGAIN), "search", {"query": [query]}, searched=True)

    def _visit(self, step: Lookup, url: str) -> ParsedReply:
        thought = self._one_of(_OPEN, entity=step.entity)
        return self._call(thought, "visit", {"url": [url], "goal": step.noun}, searched=False)

    def _call(self, thought: str, name: str, arguments: dict[str, object], *, searched: bool) -> ParsedReply:
        self._searched = searched
        self._calls += 1
        call = ToolCall(id=f"call{self._calls:05d}", name=name, arguments=arguments)
        return ParsedReply(reasoning=thought, calls=(call,))

    def _one_of(self, forms: tuple[str, ...], **fills: str) -> str:
        return _pick(self._random, forms).format(**fills)


def _pick(random: Random, forms: tuple[str, ...]) -> str:
    return forms[random.randrange(len(forms))]


def _answer(thought: str, answer: str) -> ParsedReply:
    return ParsedReply(reasoning=thought, answer=answer)
