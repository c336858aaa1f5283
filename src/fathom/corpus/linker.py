"""Links for pages that came without: which mentions of titles an editor would have made a link.

A mention of a title is not yet a link: "time" hardly ever is, "reading" is rarely the town. Each pair of a page and a
page it names gets the probability that an editor linked it, from what the corpus itself says of the mention (how common
it is, in which case it is written here and on its own page, how much its own page is about it) and of the two pages
(how alike the sets of pages are that they name). The weights of these features are a logistic regression, fitted on the
pages of one half of wikispeedia by `fathom bench linker` and judged there on the other half.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import Field

from fathom.core.assets import Progress, quiet
from fathom.core.config import Config
from fathom.corpus.document import Document, Link
from fathom.corpus.link_features import Candidates, Floats, find_candidates

WEIGHTS = {
    "bias": 5.609,
    "bare": -1.543,
    "plural": -0.448,
    "part": -2.919,
    "cognate": -1.289,
    "lower_share": -10.466,
    "lower_share*log_rate": -0.517,
    "lower_share^2": 2.768,
    "own_share": 1.055,
    "log_case_agreement": 0.379,
    "free": 1.638,
    "log_count": -0.289,
    "log_density": 0.387,
    "log_first": -0.215,
    "log_likeness": 1.205,
    "mutual": 0.367,
    "several_words": 0.779,
}
"""Per feature, in the order of FEATURES; fitted on 2,303 pages of wikispeedia (docs/results/linker.md)."""


class LinkConfig(Config):
    """Which mentions become links."""

    min_probability: float = Field(
        default=0.4,
        ge=0.0,
        le=1.0,
        description="that an editor would have linked it. F1 is best at 0.32; 0.4 gives 0.7 points of it for 3.5 of "
        "precision (docs/results/linker.md)",
    )


def link_documents(
    documents: Sequence[Document], config: LinkConfig = LinkConfig(), on_progress: Progress = quiet
) -> Iterator[Document]:
    """`documents` in order, those without links with links to others of the same language.

    At most one link to a page, at its first mention, by address; never to the page itself.
    """
    links: list[tuple[Link, ...]] = [()] * len(documents)
    for lang in dict.fromkeys(document.lang for document in documents):
        places = [place for place, document in enumerate(documents) if document.lang == lang]
        group = [documents[place] for place in places]
        candidates = find_candidates(group, on_progress)
        chosen = choose(candidates, probability(candidates.features), config.min_probability)
        for row, found in chosen.items():
            links[places[row]] = tuple(
                Link(target=group[target].url, anchor=group[row].text[start:end], offset=start)
                for start, end, target in found
            )
    for document, made in zip(documents, links, strict=True):
        yield document if document.links or not made else document.model_copy(update={"links": made})


def choose(candidates: Candidates, likely: Floats, threshold: float) -> dict[int, list[tuple[int, int, int]]]:
    """Per source its links as (start, end, target) in the order of the text; of pages of one name the likeliest."""
    best: dict[tuple[int, int], int] = {}
    for row in np.flatnonzero(likely >= threshold).tolist():
        place = (int(candidates.source[row]), int(candidates.start[row]))
        if place not in best or likely[row] > likely[best[place]]:
            best[place] = row
    chosen: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for (source, start), row in best.items():
        chosen[source].append((start, int(candidates.end[row]), int(candidates.target[row])))
    return {source: sorted(found) for source, found in chosen.items()}


def probability(features: Floats, weights: Sequence[float] = tuple(WEIGHTS.values())) -> Floats:
    """Probability of each row that an editor linked it; `weights` in the order of FEATURES."""
    result: Floats = 1 / (1 + np.exp(-(features @ np.asarray(weights))))
    return result
