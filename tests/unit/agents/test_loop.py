"""The loop with ReAct on a scripted model: how attempts run, end and fail."""

import itertools
import json
from pathlib import Path

import pytest
from tests.worlds import small_world

from fathom.agents.loop import Attempt, run_agent
from fathom.agents.protocol import AgentConfig
from fathom.agents.react import ReAct, default_system, tongyi_system
from fathom.core.budget import Budget, Meter
from fathom.core.errors import ContextOverflowError, ModelFault, RunError
from fathom.core.events import MemoryJournal
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory
from fathom.llm.calling import calling
from fathom.llm.journaled import JournaledModel
from fathom.llm.protocol import Completion
from fathom.llm.scripted import Reply, ScriptedChat
from fathom.tools.search import Search
from fathom.tools.toolset import Toolset
from fathom.tools.visit import Visit
from fathom.world.faults import FaultyWorld
from fathom.world.journaled import JournaledWorld

TOOLS = Toolset([Search(), Visit()])


def call(name: str, **arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


SEARCH = "<think>look</think>\n" + call("search", query=["Salt Road film"])
VISIT = call("visit", url=["wiki/Carla_Rossi"], goal="where she died")
ANSWER = "<think>done</think>\n<answer>Ostra [E1]</answer>"


class Trial:
    """One attempt on a script, and what the model was asked."""

    def __init__(
        self, folder: Path, script: list[Reply], *, budget: Budget | None = None, broken: bool = False
    ) -> None:
        self.model = ScriptedChat(script)
        meter, journal, way = Meter(), MemoryJournal(), calling("tagged")
        world = small_world(folder)
        self.attempt = Attempt(
            task=Task(id="q1", question="Where did the director of Salt Road die?"),
            name="react",
            policy=ReAct(way, TOOLS.specs, system=default_system(way, TOOLS.specs, "2026-01-01")),
            tools=TOOLS,
            model=JournaledModel(self.model, journal, meter),
            world=JournaledWorld(FaultyWorld(world, rate=1.0) if broken else world, journal, meter),
            meter=meter,
            date="2026-01-01",
            config=AgentConfig(budget=budget or Budget()),
        )

    async def run(self) -> Trajectory:
        return await run_agent(self.attempt)


def told(trajectory: Trajectory) -> list[str]:
    return [turn.message.content for turn in trajectory.segments[-1].turns]


async def test_search_visit_answer(tmp_path: Path) -> None:
    trajectory = await Trial(tmp_path, [SEARCH, VISIT, ANSWER]).run()
    assert trajectory.stop.kind == "answered" and trajectory.answer == "Ostra [E1]"
    assert [item.id for item in trajectory.evidence] == ["E1"]
    assert (trajectory.usage.llm_calls, trajectory.usage.tool_calls) == (3, 2)
    (segment,) = trajectory.segments
    assert [turn.trainable for turn in segment.turns] == [True, False, True, False, True]
    assert Trajectory.model_validate_json(trajectory.model_dump_json(by_alias=True)) == trajectory


async def test_prompts_of_a_segment_only_grow(tmp_path: Path) -> None:
    trial = Trial(tmp_path, [SEARCH, "no action here", VISIT, ANSWER])
    await trial.run()
    asked = [request.messages for request in trial.model.asked]
    assert all(after[: len(before)] == before for before, after in itertools.pairwise(asked))


async def test_every_call_of_a_turn_runs_in_order_with_one_observation_each(tmp_path: Path) -> None:
    two = SEARCH + "\n" + VISIT + "\n" + call("sarch", query=["x"])
    trajectory = await Trial(tmp_path, [two, ANSWER]).run()
    observed = [turn for turn in trajectory.segments[0].turns if turn.call]
    assert [turn.call.name for turn in observed if turn.call] == ["search", "visit", "sarch"]
    assert [turn.tool_error for turn in observed] == [None, None, "unknown_tool"]
    assert len({turn.call.id for turn in observed if turn.call}) == 3


async def test_an_answer_beside_a_call_waits_for_what_the_call_brings(tmp_path: Path) -> None:
    trajectory = await Trial(tmp_path, [SEARCH + "\n<answer>guess</answer>", ANSWER]).run()
    assert trajectory.answer == "Ostra [E1]"


async def test_a_query_about_python_is_still_a_search(tmp_path: Path) -> None:
    trajectory = await Trial(tmp_path, [call("search", query=["python interpreter docs"]), ANSWER]).run()
    (observed,) = [turn for turn in trajectory.segments[0].turns if turn.call]
    assert observed.call and observed.call.name == "search" and observed.tool_error is None


async def test_malformed_replies_are_told_so_and_in_the_end_force_the_answer(tmp_path: Path) -> None:
    trial = Trial(tmp_path, ["<tool_call>{", "nothing", "<tool_call>[]</tool_call>", ANSWER])
    trajectory = await trial.run()
    assert trajectory.stop.kind == "malformed" and trajectory.stop.forced and trajectory.answer == "Ostra [E1]"
    corrections = [m.content for m in trial.model.asked[-1].messages if m.role == "user"][1:]
    assert len(set(corrections)) == 3 and "Call no more tools" in corrections[-1]


async def test_malformed_replies_count_only_in_a_row(tmp_path: Path) -> None:
    trajectory = await Trial(tmp_path, ["x", "y", SEARCH, "x", "y", ANSWER]).run()
    assert trajectory.stop.kind == "answered"


LIMITS = [
    (Budget(llm_calls=3, reserve=0.3), "llm_calls"),
    (Budget(tool_calls=2), "tool_calls"),
    (Budget(tokens=2000), "tokens"),
    (Budget(context_tokens=2000), "context"),
]


@pytest.mark.parametrize(("budget", "kind"), LIMITS, ids=[kind for _, kind in LIMITS])
async def test_at_a_limit_the_answer_is_asked_for_by_appending(tmp_path: Path, budget: Budget, kind: str) -> None:
    spend = [Completion(message=m, prompt_tokens=400, completion_tokens=50) for m in map(said, [SEARCH, VISIT])]
    spend[1] = spend[1].model_copy(update={"prompt_tokens": 1800})
    trial = Trial(tmp_path, [*spend, ANSWER], budget=budget)
    trajectory = await trial.run()
    assert trajectory.stop.kind == "budget" and trajectory.stop.budget == kind and trajectory.stop.forced
    assert trajectory.answer == "Ostra [E1]"
    assert trajectory.usage.llm_calls == 3 and trajectory.usage.tool_calls == 2
    last = trial.model.asked[-1].messages
    assert "[E1] Carla Rossi" in last[-2].content and "Call no more tools" in last[-1].content


def said(text: str):
    from fathom.core.message import Message

    return Message(role="assistant", content=text)


async def test_time_is_a_limit_too(tmp_path: Path) -> None:
    trial = Trial(tmp_path, [SEARCH, ANSWER], budget=Budget(seconds=1e-9))
    trial.attempt.meter.add(seconds=1.0)
    trajectory = await trial.run()
    assert trajectory.stop.budget == "seconds"


async def test_a_forced_answer_is_asked_for_again_when_it_is_another_call(tmp_path: Path) -> None:
    trial = Trial(tmp_path, [SEARCH, VISIT, VISIT, ANSWER], budget=Budget(tool_calls=2))
    trajectory = await trial.run()
    assert trajectory.answer == "Ostra [E1]" and trajectory.usage.tool_calls == 2
    assert sum("Call no more tools" in text for text in told(trajectory)) == 2


async def test_without_tags_the_text_of_a_forced_reply_is_the_last_resort(tmp_path: Path) -> None:
    trajectory = await Trial(tmp_path, [SEARCH, "It is Ostra.", "Ostra, I say."], budget=Budget(tool_calls=1)).run()
    assert trajectory.answer == "Ostra, I say."


async def test_calls_over_the_budget_of_a_turn_are_answered_but_not_run(tmp_path: Path) -> None:
    trial = Trial(tmp_path, [SEARCH + VISIT, ANSWER], budget=Budget(tool_calls=1))
    trajectory = await trial.run()
    assert [t.tool_error for t in trajectory.segments[0].turns if t.call] == [None, "denied"]
    assert trajectory.usage.tool_calls == 1


async def test_a_context_that_overflowed_goes_on_in_a_new_segment_with_the_evidence(tmp_path: Path) -> None:
    trial = Trial(tmp_path, [SEARCH, VISIT, ContextOverflowError("too long"), ANSWER])
    trajectory = await trial.run()
    assert [segment.role for segment in trajectory.segments] == ["react", "answer"]
    assert trajectory.stop.budget == "context" and trajectory.answer == "Ostra [E1]"
    assert "[E1] Carla Rossi:" in trajectory.segments[1].start[1].content
    assert len(trajectory.segments[0].turns) == 4


async def test_a_model_that_is_down_makes_a_failed_trajectory_and_no_text(tmp_path: Path) -> None:
    trajectory = await Trial(tmp_path, [SEARCH, ModelFault("503 from the server")]).run()
    assert trajectory.stop.kind == "failed" and trajectory.answer is None
    assert trajectory.failure and trajectory.failure.error == "ModelFault"
    assert "503" not in " ".join(told(trajectory))


async def test_errors_of_the_record_pass_through(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        await Trial(tmp_path, [RunError("another process holds this run")]).run()


async def test_a_world_that_is_down_is_never_told_as_nothing_found(tmp_path: Path) -> None:
    trajectory = await Trial(tmp_path, [SEARCH, VISIT, ANSWER], broken=True).run()
    observed = [turn for turn in trajectory.segments[0].turns if turn.call]
    assert [turn.tool_error for turn in observed] == ["upstream", "upstream"]
    assert not any("No page" in turn.message.content for turn in observed)


def test_the_tongyi_profile_has_the_released_layout(tmp_path: Path) -> None:
    way = calling("tagged")
    system = tongyi_system(way, TOOLS.specs, "2026-01-01")
    assert system.endswith("Current date: 2026-01-01")
    lines = system[system.index("<tools>") : system.index("</tools>")].strip().splitlines()[1:]
    assert [json.loads(line)["function"]["name"] for line in lines] == ["search", "visit"]
    assert way.offer(TOOLS.specs).sampling.stop == ("\n<tool_response>", "<tool_response>")


def test_the_users_own_official_prompt_is_used_as_it_is(tmp_path: Path) -> None:
    from fathom.core.errors import ConfigError

    own = tmp_path / "prompt.py"
    own.write_text('import os\nOTHER = 1\nSYSTEM_PROMPT = """Be deep.\n\nCurrent date: """\n')
    way = calling("tagged")
    assert tongyi_system(way, TOOLS.specs, "2026-01-01", official=own) == "Be deep.\n\nCurrent date: 2026-01-01"
    own.write_text("PROMPT = 1\n")
    with pytest.raises(ConfigError, match="SYSTEM_PROMPT"):
        tongyi_system(way, TOOLS.specs, "2026-01-01", official=own)
