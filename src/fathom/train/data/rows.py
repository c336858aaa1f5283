"""`Row`: one sequence of tokens to train on, and the one builder of rows out of what was said.

A segment's turns carry the ids they were sampled as and the prompt they were sampled from. As long as each prompt
begins with everything before it, the segment is one row (merge). Where a prompt departs from it (drift: a template that
drops thoughts, a message rewritten), a new row begins with that prompt (fork). No text is ever tokenised again.

Reference: prefix merge or fork, as verl, rLLM, prime-rl and TRL's asynchronous trainer do.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fathom.core.errors import InputError
from fathom.core.trajectory import Segment, Turn
from fathom.llm.render.renderer import Renderer


class Row(NamedTuple):
    """One sequence of T tokens. `weights` says how much each token counts in the loss: 0 where the policy did not write
    it. RL fills in `advantages` and `logprobs` (nats, under the policy that sampled); elsewhere they are empty."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    advantages: tuple[float, ...] = ()
    logprobs: tuple[float, ...] = ()

    @property
    def trained(self) -> int:
        """How many tokens have weight and something before them to be foretold from."""
        return sum(weight != 0 for weight in self.weights[1:])


class Built(NamedTuple):
    """Rows of segments. `forks` counts prompts that departed from what came before, `dropped_ids` the sampled and
    shown ids that such prompts no longer had."""

    rows: tuple[Row, ...]
    forks: int = 0
    dropped_ids: int = 0


def rows_of_segment(segment: Segment, advantage: float = 0.0) -> Built:
    """The rows of a segment whose trainable turns were sampled by a token model.

    Every sampled token stands in exactly one row with weight 1. Raises `InputError` where a trainable turn has no
    token ids.
    """
    rows: list[Row] = []
    ids: list[int] = []
    weights: list[float] = []
    logprobs: list[float] = []
    forks = dropped = 0

    def close() -> None:
        if ids:
            advantages = tuple(advantage * weight for weight in weights)
            rows.append(Row(tuple(ids), tuple(weights), advantages, tuple(logprobs)))

    for turn in segment.turns:
        if not turn.trainable:
            continue
        prompt, sampled, sampled_logprobs = _tokens(turn)
        if turn.prompt_kept < len(ids):
            forks += 1
            dropped += len(ids) - turn.prompt_kept
            close()
            ids = ids[: turn.prompt_kept]
            weights, logprobs = [0.0] * len(ids), [0.0] * len(ids)
        ids += [*prompt, *sampled]
        weights += [0.0] * len(prompt) + [1.0] * len(sampled)
        logprobs += [0.0] * len(prompt) + list(sampled_logprobs)
    close()
    return Built(tuple(rows), forks, dropped)


def rows_of_segments(segments: Iterable[Segment], advantage: float = 0.0) -> Built:
    """The rows of all these, each by `rows_of_segment`, and the sums of its counts."""
    each = [rows_of_segment(segment, advantage) for segment in segments]
    rows = tuple(row for built in each for row in built.rows)
    return Built(rows, sum(built.forks for built in each), sum(built.dropped_ids for built in each))


def _tokens(turn: Turn) -> tuple[Sequence[int], Sequence[int], Sequence[float]]:
    if turn.prompt_ids is None or turn.token_ids is None or turn.logprobs is None:
        raise InputError("trajectory", "unsupported", "a turn has no token ids: its model was not sampled by tokens")
    return turn.prompt_ids, turn.token_ids, turn.logprobs


def row_of_messages(segment: Segment, renderer: Renderer) -> Row:
    """The row of a segment of texts, for supervised training: weight 1 on the trainable turns with the end of turn."""
    ids: list[int] = []
    weights: list[float] = []
    turns = [(message, False) for message in segment.start] + [(turn.message, turn.trainable) for turn in segment.turns]
    for message, trainable in turns:
        new = renderer.message(message)
        # The tokens that open the turn and any after its end token are given, not written.
        written = len(renderer.encode(renderer.content(message))) + 1
        opening = new.index(renderer.end_id) + 1 - written
        mine = [0.0] * opening + [1.0] * written + [0.0] * (len(new) - opening - written)
        ids += new
        weights += mine if trainable else [0.0] * len(new)
    return Row(tuple(ids), tuple(weights))


def row_of_text(text: str, renderer: Renderer, *, fresh: float = 1.0) -> Row:
    """A document for continual pre-training, closed by an end token. All tokens count, those that the document has not
    had before with weight `fresh`: in a world of invented names nothing foretells them, and trying only adds noise."""
    ids = (*renderer.encode(text), renderer.end_id)
    return Row(ids, _weights(ids, fresh))


def row_of_transcript(segment: Segment, renderer: Renderer, *, fresh: float = 1.0) -> Row:
    """A whole conversation for continual pre-training, what the tools brought and all; weights as `row_of_text`."""
    ids = renderer.render(segment.messages, reply=False)
    return Row(ids, _weights(ids, fresh))


def _weights(ids: Sequence[int], fresh: float) -> tuple[float, ...]:
    seen: set[int] = set()
    weights = []
    for token in ids:
        weights.append(1.0 if token in seen else fresh)
        seen.add(token)
    return tuple(weights)


def count_tokens(rows: Iterable[Row]) -> int:
    """How many tokens the rows have in all."""
    return sum(len(row.ids) for row in rows)
