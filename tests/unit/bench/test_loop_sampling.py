"""The conversations of `fathom bench loop`."""

from fathom.bench.loop_sampling import Turn, talks
from fathom.train.data.rows import Row


def test_conversations_have_the_turns_of_rows() -> None:
    row = Row((1, 2, 3, 4, 5, 6, 7), (0, 0, 1, 1, 0, 1, 0))
    other = Row((8, 9), (0, 1))
    assert talks([row, other], 3) == [
        [Turn([1, 2], 2), Turn([5], 1)],  # what comes after the last turn is nobody's prompt
        [Turn([8], 1)],
        [Turn([1, 2], 2), Turn([5], 1)],
    ]
