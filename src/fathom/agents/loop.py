"""The one think-act-observe loop.

Sample a turn, read it, run its calls in order (one observation each), ask the policy what comes next; at a limit, ask
for the final answer by appending. Model and world come in wrapped so that what they say is on record; the loop itself
is a deterministic program over them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from fathom.agents.protocol import (
    Act,
    AgentConfig,
    ContextPolicy,
    Decision,
    Finish,
    Force,
    ForcedBy,
    NewSegment,
    Observation,
    OpenSegment,
    Say,
    State,
)
from fathom.core.budget import FINAL_CALLS, Meter
from fathom.core.errors import ContextOverflowError, FathomError, RunError, ToolError
from fathom.core.events import Listener, Silent
from fathom.core.message import Message, ToolCall
from fathom.core.seeds import derive_seed
from fathom.core.task import Task
from fathom.core.trajectory import Failure, StopReason, Trajectory, Turn
from fathom.llm.protocol import ChatModel, Completion, Sampling
from fathom.tools.boundary import Boundary
from fathom.tools.protocol import ToolContext, ToolResult
from fathom.tools.toolset import Toolset
from fathom.world.protocol import World

CHARS_PER_TOKEN = 3.0  # a low guess, so that the size of text not yet measured is rather over- than underestimated


@dataclass
class Attempt:
    """Everything one attempt needs. `model`, `reader` and `world` share `meter`; `outgoing` says that what
    the world is asked leaves this machine, `private` that what it says is the user's own; `bounded_by` makes what
    decides about what may leave."""

    task: Task
    name: str
    policy: ContextPolicy
    tools: Toolset
    model: ChatModel
    world: World
    meter: Meter
    date: str
    config: AgentConfig = field(default_factory=AgentConfig)
    reader: ChatModel | None = None
    listener: Listener = field(default_factory=Silent)
    seed: int = 0
    config_hash: str = ""
    outgoing: bool = False
    private: bool = False
    bounded_by: Callable[[Task], Boundary] = Boundary.of


async def run_agent(attempt: Attempt) -> Trajectory:
    """Run the attempt to its end. Faults that retries did not get over make a `failed` trajectory; errors of the
    run's own record pass through."""
    runner = _Runner(attempt)
    try:
        stop, answer = await runner.run()
    except RunError:
        raise
    except FathomError as error:
        failure = Failure(error=type(error).__name__, message=str(error))
        return runner.trajectory(StopReason(kind="failed"), None, failure)
    return runner.trajectory(stop, answer)


class _Runner:
    def __init__(self, attempt: Attempt) -> None:
        self.a = attempt
        self.state = State(task=attempt.task, date=attempt.date, meter=attempt.meter)
        self.context = ToolContext(
            task=attempt.task,
            world=attempt.world,
            reader=attempt.reader,
            evidence=self.state.evidence,
            outgoing=attempt.outgoing,
            private=attempt.private,
            bounded_by=attempt.bounded_by,
        )

    async def run(self) -> tuple[StopReason, str | None]:
        state, policy = self.state, self.a.policy
        self.open(policy.first(state))
        while True:
            if limit := self.a.config.budget.exhausted(state.meter.usage, state.context_tokens):
                return StopReason(kind="budget", budget=limit, forced=True), await self.forced_answer(limit)
            try:
                await self.turn()
            except ContextOverflowError:
                state.overflowed = True
                return StopReason(kind="budget", budget="context", forced=True), await self.forced_answer("context")
            decision = policy.after(state)
            while isinstance(decision, Act):
                # Contexts and model calls are not what a policy's own calls spend.
                limit = self.a.config.budget.exhausted(state.meter.usage)
                if limit in ("tool_calls", "seconds"):
                    return StopReason(kind="budget", budget=limit, forced=True), await self.forced_answer(limit)
                await self.act(decision.calls)
                decision = policy.after(state)
            if isinstance(decision, Finish):
                kind = "answered" if decision.answer is not None else "gave_up"
                return StopReason(kind=kind), decision.answer
            if isinstance(decision, Force):
                return StopReason(kind=decision.why, forced=True), await self.forced_answer(decision.why)
            self.follow(decision)

    async def turn(self) -> None:
        """One reply of the model and the observations of its calls."""
        state = self.state
        sticky = f"{state.task.id}:{self.a.seed}"  # other attempts at the task are other conversations
        completion = await self.a.model.complete(
            state.segment.messages, state.segment.tools, self.sampling(), sticky=sticky
        )
        reply = self.a.policy.read(completion, state)
        message = self.a.policy.record(completion, reply)
        state.segment.add_reply(message, completion.tokens)
        state.reply, state.observations = reply, []
        state.malformed = state.malformed + 1 if not reply.calls and reply.malformed else 0
        state.context_tokens = _measured(completion) or self.estimate(state.segment.messages)
        self.a.listener.on_event("turn", {"role": state.segment.role, "message": message.model_dump(mode="json")})
        if reply.calls:
            await self.act(reply.calls)

    async def act(self, calls: tuple[ToolCall, ...]) -> None:
        self.state.observations = []
        for call in calls:
            self.a.listener.on_event("call", call.model_dump(mode="json"))
            observation = await self.observe(call)
            message = self.a.policy.observe(observation)
            infra = observation.result.infra or observation.error in ToolError.INFRASTRUCTURE
            turn = Turn(message=message, call=call, tool_error=observation.error, infra=infra)
            self.state.segment.turns.append(turn)
            self.state.observations.append(observation)
            self.state.context_tokens += self.estimate((message,))
            self.a.listener.on_event("observation", observation.model_dump(mode="json"))

    async def observe(self, call: ToolCall) -> Observation:
        if why := self.refusal():
            return Observation(call=call, result=ToolResult(text=f"Not run: {why}"), error="denied")
        self.state.meter.add(tool_calls=1)
        try:
            result = await self.a.tools.run(call, self.context)
        except ToolError as error:
            return Observation(call=call, result=ToolResult(text=str(error)), error=error.kind)
        most = self.a.config.observation_chars
        if (more := len(result.text) - most) > 0:
            text = f"{result.text[:most]}\n(shortened: {more} more characters are not shown)"
            result = result.model_copy(update={"text": text})
        return Observation(call=call, result=result)

    def refusal(self) -> str:
        """Why no call is run now; empty when calls are. A refused call gets its observation too: chat APIs take
        no conversation in which a call has none."""
        if self.state.forced is not None:
            return "the search is over, give the answer."
        limit = self.a.config.budget.tool_calls
        spent = limit is not None and self.state.meter.usage.tool_calls >= limit
        return "the budget of tool calls is spent." if spent else ""

    async def forced_answer(self, why: ForcedBy) -> str | None:
        """Ask for the answer out of the reserve. What was gathered stays where it is."""
        state = self.state
        state.forced = why
        window = self.a.config.budget.context_tokens
        # Some servers cut an overlong prompt without a word, so one that is known to be too long is not sent.
        state.overflowed = state.overflowed or (window is not None and state.context_tokens >= window)
        opening = self.a.policy.force(state)
        if isinstance(opening, Finish):
            return opening.answer
        self.follow(opening)
        asked = 0
        while asked < FINAL_CALLS and not self.out_of_calls():
            try:
                await self.turn()
            except ContextOverflowError:
                if state.overflowed:
                    break
                state.overflowed = True
                opening = self.a.policy.force(state)
                if isinstance(opening, Finish):
                    return opening.answer
                self.follow(opening)
                continue
            asked += 1
            decision = self.a.policy.after(state)
            if isinstance(decision, Finish):
                return decision.answer
            self.follow(decision)
        return self.a.policy.last_resort(state)

    def out_of_calls(self) -> bool:
        limit = self.a.config.budget.llm_calls
        return limit is not None and self.state.meter.usage.llm_calls >= limit

    def open(self, opening: NewSegment) -> None:
        self.state.segments.append(
            OpenSegment(opening.role, opening.messages, tools=opening.tools, sampling=opening.sampling)
        )
        self.state.context_tokens = self.estimate(opening.messages)
        self.a.listener.on_event("segment", {"role": opening.role})

    def follow(self, decision: Decision) -> None:
        if isinstance(decision, NewSegment):
            self.open(decision)
        elif isinstance(decision, Say):
            self.state.segment.turns.append(Turn(message=Message(role="user", content=decision.text)))

    def sampling(self) -> Sampling:
        state = self.state
        merged = self.a.config.sampling.model_copy(update=state.segment.sampling.model_dump(exclude_unset=True))
        if merged.seed is None:
            merged = merged.model_copy(
                update={"seed": derive_seed(self.a.seed, "turn", state.meter.usage.llm_calls) % 2**31}
            )
        return merged

    def estimate(self, messages: tuple[Message, ...]) -> int:
        return int(sum(len(message.content) for message in messages) / CHARS_PER_TOKEN)

    def trajectory(self, stop: StopReason, answer: str | None, failure: Failure | None = None) -> Trajectory:
        return Trajectory(
            task_id=self.a.task.id,
            agent=self.a.name,
            model=self.a.model.name,
            segments=tuple(segment.freeze() for segment in self.state.segments),
            answer=answer,
            stop=stop,
            failure=failure,
            evidence=tuple(self.state.evidence),
            usage=self.state.meter.usage,
            seed=self.a.seed,
            config_hash=self.a.config_hash,
        )


def _measured(completion: Completion) -> int:
    return completion.prompt_tokens + completion.completion_tokens
