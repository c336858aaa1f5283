"""Which evidence bears a sentence out, when the sentence cites none or the wrong one."""

from collections.abc import Sequence

from fathom.grading.claims import Claim
from fathom.grading.sources import Source
from fathom.grading.support import Support, weigh

# A sentence that needs more pieces of evidence than this is a summary nobody can check at a glance.
MAX_TOGETHER = 3
# Only the most promising few are tried together: the number of trials stays linear in the amount of evidence.
_CANDIDATES = 5


def attribute(claim: Claim, sources: Sequence[Source]) -> tuple[list[Source], Support | None]:
    """The smallest set of `sources`, at most three, that bears `claim` out, best first; where none does, the closest
    single one with its support. ([], None) without sources."""
    if not sources:
        return [], None
    ranked = sorted(
        ((weigh(claim, [source], sources), at) for at, source in enumerate(sources)),
        key=lambda pair: (not pair[0].holds, -pair[0].score, pair[1]),
    )
    best, at = ranked[0]
    if best.holds:
        return [sources[at]], best
    together = [at]
    for _, other in ranked[1:_CANDIDATES]:
        if len(together) == MAX_TOGETHER:
            break
        trial = weigh(claim, [sources[i] for i in (*together, other)], sources)
        if trial.score <= best.score:
            continue
        together, best = [*together, other], trial
        if best.holds:
            return [sources[i] for i in together], best
    return [sources[at]], ranked[0][0]
