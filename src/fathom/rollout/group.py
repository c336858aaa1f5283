"""Groups: several rollouts of one task, each with one of three outcomes.

`scored`: it has a reward that counts. `masked`: a negative chosen to be left out of the loss, since it ended without
an answer for want of turns or length and not by its own judgement. `failed`: infrastructure broke, or a tool could not
be reached on the way to an answer that is wrong; no reward, no gradient, but counted.
"""

from typing import Literal

from fathom.core.model import Frozen
from fathom.core.task import Task
from fathom.core.trajectory import Trajectory

Outcome = Literal["scored", "masked", "failed"]


class Rollout(Frozen):
    """One rollout. `reward` is in [0, 1] and 0 for a failed one, where it means nothing; `tries` counts attempts."""

    trajectory: Trajectory
    outcome: Outcome
    reward: float = 0.0
    tries: int = 1


class Group(Frozen):
    """The rollouts of one task that came to an end. `index` counts groups in the order of submission."""

    index: int
    task: Task
    rollouts: tuple[Rollout, ...]

    @property
    def rewards(self) -> tuple[float, ...]:
        """Rewards of those that did not fail."""
        return tuple(rollout.reward for rollout in self.rollouts if rollout.outcome != "failed")

    @property
    def pass_rate(self) -> float:
        """Mean reward; 0 where all failed."""
        return sum(self.rewards) / len(self.rewards) if self.rewards else 0.0


def outcome_of(trajectory: Trajectory, reward: float, end_id: int | None = None) -> Outcome:
    """The outcome of a graded trajectory. Failed is what has no reward and met a tool that could not be reached: whose
    fault the answer is cannot be told. Masked is what gave no answer since a limit ended the search, or since its
    last turn was cut off, so that it does not end in `end_id`. Any other wrong answer counts, whatever stands behind
    it and also where it had to be asked for at the limit: else right ones would be rewarded there and wrong ones be
    free, and a policy finds that.

    Reference: Tongyi DeepResearch report 2510.24701 (negatives without an answer for length are left out of the loss).
    """
    if trajectory.failure is not None:
        return "failed"
    if reward > 0:
        return "scored"
    if met_infrastructure(trajectory):
        return "failed"
    if trajectory.answer is not None:
        return "scored"
    if trajectory.stop.kind == "budget":
        return "masked"
    sampled = [turn.token_ids for segment in trajectory.segments for turn in segment.turns if turn.token_ids]
    cut = end_id is not None and bool(sampled) and sampled[-1][-1] != end_id
    return "masked" if cut else "scored"


def met_infrastructure(trajectory: Trajectory) -> bool:
    """Whether a tool told the agent that something could not be reached or that there was no room."""
    return any(turn.infra for segment in trajectory.segments for turn in segment.turns)
