"""Hand-made sentences with the verdict a careful reader gives, in eight languages.

`LIMITS` are the pairs the check is known to get wrong; one that comes out right must be taken off the list.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from fathom.core.evidence import Evidence
from fathom.core.model import content_hash
from fathom.grading.citation import check_answer
from fathom.grading.sentences import markers

GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("citations.json").read_text(encoding="utf-8"))
LIMITS = {
    "signers exchanged": "both signers and both countries stand in the same sentence",
    "años cambiados": "both parts of the novel and both years stand in the same sentence",
}


def evidence(identity: str) -> Evidence:
    title, text = GOLDEN["evidence"][identity]
    return Evidence(
        id=identity,
        url=f"https://corpus.example/{identity}",
        title=title,
        page_hash=content_hash(text),
        start=0,
        end=len(text),
        text=text,
        fetched_at="2026-01-01T00:00:00Z",
    )


@pytest.mark.parametrize("pair", GOLDEN["pairs"], ids=lambda pair: f"{pair[0]}-{pair[1]}")
def test_verdict(pair: list[Any]) -> None:
    _, kind, claim, truth, *given = pair
    ids = given[0] if given else [identity for _, _, group in markers(claim) for identity in group]
    verdicts = [sentence.verdict for sentence in check_answer(claim, [evidence(i) for i in ids]).sentences]
    assert (verdicts == [truth]) == (kind not in LIMITS)
