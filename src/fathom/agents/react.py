"""ReAct: one segment, the whole history in it.

Two profiles. `default` uses our own prompt and whatever way of calling tools the model is good at. `tongyi` speaks the
protocol the released Tongyi DeepResearch checkpoint was trained on: tagged calls, tool results as user messages, the
date at the end of the system prompt; with the user's own copy of the official prompt file its text is used as it is.

Reference: Tongyi DeepResearch report 2510.24701, ReAct inference; released `inference/react_agent.py` (behaviour).
Differs from the paper: all calls of a turn run, errors keep their kind, the forced answer is appended and also asked
for when calls or time run out.
"""

import ast
from pathlib import Path

from fathom.agents.prompts import prompt
from fathom.agents.protocol import Continue, Decision, Finish, Force, NewSegment, Observation, Say, State
from fathom.core.errors import ConfigError
from fathom.core.evidence import Evidence
from fathom.core.message import Message, ToolSpec
from fathom.core.task import Task
from fathom.llm.calling import Calling
from fathom.llm.protocol import Completion
from fathom.llm.wire import ParsedReply, framed, neutralise

FORCE_TEXT = {
    "llm_calls": "The number of steps is used up.",
    "tool_calls": "The number of tool calls is used up.",
    "tokens": "The budget of tokens is used up.",
    "context": "The context is full.",
    "seconds": "The time is used up.",
    "malformed": "Your last replies could not be used.",
}
FORCE_REQUEST = (
    "{why} Call no more tools. From what you have found so far, give the answer you think most likely now{how}. "
    "Say what remains uncertain."
)
NAMED_FILES = 50
DIGEST_CHARS = 12_000  # evidence shown again when a context overflowed; about 4K tokens


class ReAct:
    """The ReAct context policy. `malformed_limit` unusable replies in a row force the answer."""

    def __init__(self, calling: Calling, tools: tuple[ToolSpec, ...], *, system: str, malformed_limit: int = 3) -> None:
        self._calling, self._offer = calling, calling.offer(tools)
        self._system, self._malformed_limit = system, malformed_limit

    def first(self, state: State) -> NewSegment:
        return NewSegment(
            role="react",
            messages=(
                Message(role="system", content=self._system),
                Message(role="user", content=asked(state.task)),
            ),
            tools=self._offer.native_tools,
            sampling=self._offer.sampling,
        )

    def read(self, completion: Completion, state: State) -> ParsedReply:
        reply = self._calling.read(completion, first_call=state.calls_made)
        state.calls_made += len(reply.calls)
        return reply

    def record(self, completion: Completion, reply: ParsedReply) -> Message:
        return self._calling.assistant(completion, reply)

    def observe(self, observation: Observation) -> Message:
        return self._calling.observation(observation.call, observation.result.text, error=observation.error)

    def after(self, state: State) -> Decision:
        reply = state.reply
        assert reply is not None
        if state.forced is not None:
            answer = reply.answer or (None if reply.calls or reply.malformed else reply.text.strip() or None)
            return Finish(answer=answer) if answer else Say(text=self._request(state, state.forced))
        if reply.calls:
            return Continue() if reply.malformed is None else Say(text=reply.malformed.advice)
        if reply.answer is not None and reply.malformed is None:
            return Finish(answer=reply.answer)
        if state.malformed >= self._malformed_limit:
            return Force(why="malformed")
        if reply.malformed is not None:
            return Say(text=reply.malformed.advice)
        return Say(text="That was neither a tool call nor a final answer. Give one or the other.")

    def force(self, state: State) -> Say | NewSegment:
        assert state.forced is not None
        request = self._request(state, state.forced)
        if not state.overflowed:
            return Say(text=request)
        evidence = framed(evidence_digest(state.evidence, DIGEST_CHARS))
        digest = f"{asked(state.task)}\n\nEvidence gathered so far:\n{evidence}"
        return NewSegment(
            role="answer",
            messages=(
                Message(role="system", content=self._system),
                Message(role="user", content=f"{digest}\n\n{request}"),
            ),
            tools=self._offer.native_tools,
            sampling=self._offer.sampling,
        )

    def last_resort(self, state: State) -> str | None:
        # What stands beside a call is a remark on it.
        said = state.reply.text.strip() if state.reply is not None and not state.reply.calls else ""
        return said or None

    def _request(self, state: State, why: str) -> str:
        how = f" {self._offer.answer_how}" if self._offer.answer_how else ""
        return FORCE_REQUEST.format(why=FORCE_TEXT[why], how=how)


def asked(task: Task) -> str:
    """The question as the agent is asked it: files that came with it are named before it, as the released system does
    it. Whoever sent a file chose its name."""
    if not task.files:
        return task.question
    names = [neutralise(name) for name in task.files[:NAMED_FILES]]
    more = len(task.files) - len(names)
    count = f"{len(task.files)} {'file' if len(task.files) == 1 else 'files'}"
    return f"(Uploaded {count}: {names}{f' and {more} more' if more else ''})\n\n{task.question}"


def evidence_digest(evidence: list[Evidence], limit: int) -> str:
    """The latest evidence that fits into `limit` characters, in order of citing, with nothing in it that
    could pose as a turn; says how much was left out."""
    rows: list[str] = []
    room = limit
    for item in reversed(evidence):
        row = neutralise(f"[{item.id}] {item.title}: {item.text}")
        if len(row) > room:
            break
        rows.append(row)
        room -= len(row)
    left_out = len(evidence) - len(rows)
    return "\n".join([*([f"({left_out} earlier pieces are not shown)"] if left_out else []), *reversed(rows)])


def default_system(calling: Calling, tools: tuple[ToolSpec, ...], date: str) -> str:
    """The system prompt of the `default` profile. `date` is ISO 8601."""
    offered = calling.offer(tools).system_text
    return "\n\n".join(part for part in (prompt("react_default"), offered, f"Current date: {date}") if part)


def tongyi_system(calling: Calling, tools: tuple[ToolSpec, ...], date: str, *, official: Path | None = None) -> str:
    """The system prompt of the `tongyi` profile: the layout the released checkpoint knows, in our own words, or the
    official text from the user's own copy. Raises `ConfigError`."""
    if official is not None:
        return official_prompt(official, "SYSTEM_PROMPT") + date
    return f"{prompt('react_tongyi')}\n\n{calling.offer(tools).system_text}\n\nCurrent date: {date}"


def official_prompt(path: Path, name: str) -> str:
    """The text assigned to `name` in the user's copy of the released prompt file (a Python file, which is parsed and
    never run), or the whole of a .txt or .md file. Raises `ConfigError` naming the file and what is missing."""
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot read the prompt file: {error}") from None
    if path.suffix != ".py":
        return source
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{path}: not a Python file: {error}") from None
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        value = node.value if isinstance(node, ast.Assign) else None
        named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
        if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    raise ConfigError(f"{path}: there is no text named {name} in it", hint="Point to the released inference/prompt.py.")
