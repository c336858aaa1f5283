"""Check an answer against its evidence, sentence by sentence.

Every sentence gets a verdict, the reasons for it, and the exact spans of stored pages that bear it out. The check is
deterministic: no model takes part, and the same answer and evidence give the same result anywhere, which is what
`fathom verify` relies on. A sentence without markers is attributed to evidence that bears it out, if there is any.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from fathom.core.evidence import Evidence
from fathom.core.model import Frozen
from fathom.grading.attribution import attribute
from fathom.grading.claims import Claim, Vocabulary, read_claim
from fathom.grading.lexicon import ABSENCE, META, STOPWORDS
from fathom.grading.sentences import MARKER, Piece, markers, split
from fathom.grading.sources import Reading, Source
from fathom.grading.support import weigh
from fathom.grading.text import fold

Verdict = Literal["supported", "unsupported", "wrong_source", "uncited", "no_claim"]
Unsupported = Literal["mark", "cut", "keep"]


class Span(Frozen):
    """A stretch of a stored page, offsets in code points: `page_text[start:end]`."""

    evidence_id: str
    page_hash: str
    start: int
    end: int
    fetched_at: str


class CheckedSentence(Frozen):
    """`answer[start:end]`, markers included. `cited` are the known ids the answer gives, `citations` those that bear
    the sentence out (for wrong_source: the ones that should have been cited)."""

    start: int
    end: int
    text: str
    verdict: Verdict
    cited: tuple[str, ...] = ()
    citations: tuple[str, ...] = ()
    attributed: bool = Field(default=False, description="the citations were found by code, the answer gave none")
    reasons: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()


class CheckedAnswer(Frozen):
    """`answer` as the model gave it; `text` as it should be shown: unknown ids removed, wrong ones replaced, missing
    ones added, and unsupported sentences marked, cut or kept. `claims` counts the sentences that claim something, and
    `supported` those of them that their citations bear out."""

    answer: str
    text: str
    unsupported: Unsupported
    sentences: tuple[CheckedSentence, ...]
    supported: int
    claims: int
    unknown_ids: tuple[str, ...] = ()

    @property
    def share(self) -> float | None:
        """Supported sentences per claim sentence; None where nothing is claimed."""
        return self.supported / self.claims if self.claims else None


def check_answer(answer: str, evidence: Sequence[Evidence], *, unsupported: Unsupported = "mark") -> CheckedAnswer:
    """Check Markdown `answer`, whose markers (`[E1]`, `[E1, E4]`) name ids of `evidence`. Never raises on any text.

    Of evidence with equal ids the first counts.
    """
    vocabulary = Vocabulary()
    sources: dict[str, Source] = {}
    for item in evidence:
        if item.id not in sources:
            sources[item.id] = Source(item, vocabulary)
    pieces = split(answer)
    vocabulary.learn(MARKER.sub(" ", answer))
    checked = [_check(answer, piece, sources, vocabulary) for piece in pieces]
    sentences = tuple(sentence for sentence, _ in checked)
    unknown = tuple(dict.fromkeys(identity for _, ids in checked for identity in ids))
    claims = [sentence for sentence in sentences if sentence.verdict != "no_claim"]
    return CheckedAnswer(
        answer=answer,
        text=shown(answer, sentences, unsupported, _plain_marker, lambda index: MARKS[sentences[index].verdict]),
        unsupported=unsupported,
        sentences=sentences,
        supported=sum(sentence.verdict == "supported" for sentence in claims),
        claims=len(claims),
        unknown_ids=unknown,
    )


def _check(
    answer: str, piece: Piece, sources: dict[str, Source], vocabulary: Vocabulary
) -> tuple[CheckedSentence, list[str]]:
    text = answer[piece.start : piece.end]
    named = [identity for _, _, ids in markers(text) for identity in ids] if piece.kind != "code" else []
    cited = [identity for identity in dict.fromkeys(named) if identity in sources]
    unknown = [identity for identity in dict.fromkeys(named) if identity not in sources]
    bare = MARKER.sub(" ", text)
    claim = read_claim(bare.replace("|", "; ") if piece.kind == "row" else bare, vocabulary)
    nothing = _no_claim(piece, bare.strip(), claim, bool(cited))
    if nothing:
        outcome = _Outcome("no_claim", reasons=[nothing])
    elif cited:
        outcome = _cited(claim, [sources[identity] for identity in cited], list(sources.values()))
    else:
        outcome = _uncited(claim, list(sources.values()))
    reasons = [f"there is no {identity}" for identity in unknown] + outcome.reasons
    sentence = CheckedSentence(
        start=piece.start,
        end=piece.end,
        text=text,
        verdict=outcome.verdict,
        cited=tuple(cited),
        citations=tuple(source.evidence.id for source in outcome.sources),
        attributed=outcome.verdict == "supported" and not cited,
        reasons=tuple(reasons),
        spans=tuple(_span(outcome.sources[at], reading) for at, reading in outcome.picks),
    )
    return sentence, unknown


@dataclass(frozen=True)
class _Outcome:
    verdict: Verdict
    reasons: list[str]
    sources: Sequence[Source] = ()
    picks: Sequence[tuple[int, Reading]] = ()


def _cited(claim: Claim, cited: list[Source], everything: list[Source]) -> _Outcome:
    support = weigh(claim, cited, everything)
    if support.holds:
        used = {at for at, _ in support.picks}
        kept = [at for at, source in enumerate(cited) if at in used or weigh(claim, [source], everything).holds]
        idle = [f"{source.evidence.id} adds nothing to it" for at, source in enumerate(cited) if at not in kept]
        picks = [(kept.index(at), reading) for at, reading in support.picks]
        return _Outcome("supported", [*support.notes, *idle], [cited[at] for at in kept], picks)
    better, found = attribute(claim, everything)
    # What the cited evidence together contradicts is not saved by leaving a part of it out.
    if found is not None and found.holds and not all(source in cited for source in better):
        right = ", ".join(source.evidence.id for source in better)
        return _Outcome("wrong_source", [f"{right} bears it out", *support.problems], better, found.picks)
    return _Outcome("unsupported", list(support.problems))


def _uncited(claim: Claim, everything: list[Source]) -> _Outcome:
    best, found = attribute(claim, everything)
    if found is None:
        return _Outcome("uncited", ["there is no evidence"])
    if found.holds:
        return _Outcome("supported", list(found.notes), best, found.picks)
    return _Outcome("uncited", [f"no evidence bears it out; closest is {best[0].evidence.id}", *found.problems])


_ABSENCE = re.compile(ABSENCE)


def _no_claim(piece: Piece, bare: str, claim: Claim, cited: bool) -> str:
    """Why the piece claims nothing, or "". What carries a marker claims something unless it plainly cannot."""
    checkable = [item for item in claim.items if item.kind != "name"]
    if piece.kind == "code":
        return "code"
    if _ABSENCE.search(fold(bare)) and not checkable:
        return "says that something was not found"
    words = [word for word in claim.words if word not in _META_STEMS]
    if not claim.items and not words and not claim.terms:
        return "nothing in it can be checked"
    if cited:
        return ""
    if piece.kind in ("heading", "header_row"):
        return "heading"
    if bare.rstrip("*_ ").endswith(("?", "？", "؟")):
        return "question"
    if bare.rstrip("*_ ").endswith((":", "：")) and not checkable:
        return "introduces what follows"
    return ""


_META_STEMS = frozenset(META | {word[:5] for word in META} | STOPWORDS["en"])


def _span(source: Source, reading: Reading) -> Span:
    evidence = source.evidence
    return Span(
        evidence_id=evidence.id,
        page_hash=evidence.page_hash,
        start=evidence.start + reading.start,
        end=evidence.start + reading.end,
        fetched_at=evidence.fetched_at,
    )


MARKS: dict[str, str] = {"unsupported": "[unsupported]", "uncited": "[no source]"}
_STOPS = re.compile(r"[.!?。！？…]{1,8}[\"'”’»」』）)*_]{0,8}$")

Cite = Callable[[int, tuple[str, ...]], str]
Mark = Callable[[int], str]


def shown(answer: str, sentences: Sequence[CheckedSentence], unsupported: Unsupported, cite: Cite, mark: Mark) -> str:
    """The answer as it should be shown. `cite(index of the sentence, ids)` gives the text of a marker, `mark(index)`
    what is put behind a sentence that is unsupported or has no source."""
    out: list[str] = []
    at = 0
    cut = False
    for index, (piece, sentence) in enumerate(zip(split(answer), sentences, strict=True)):
        gap = answer[at : sentence.start]
        out.append(gap.lstrip(" \t") if cut else gap)
        at = sentence.end
        bad = sentence.verdict in MARKS
        cut = bad and unsupported == "cut"
        if cut:
            continue
        text = sentence.text if piece.kind == "code" else _rewritten(index, sentence, piece.kind, cite)
        out.append(_with(text, mark(index), piece.kind) if bad and unsupported == "mark" else text)
    text = "".join([*out, answer[at:]])
    return _without_empty_items(text) if unsupported == "cut" else text


def _rewritten(index: int, sentence: CheckedSentence, kind: str, cite: Cite) -> str:
    """The sentence with its final markers. They stay where the answer put them if they are the final ones."""
    ids = sentence.citations or sentence.cited
    found = markers(sentence.text)
    if {identity for _, _, group in found for identity in group} == set(ids):
        text = sentence.text
        for start, end, group in reversed(found):
            text = text[:start] + cite(index, group) + text[end:]
        return text
    text = re.sub(r"[ \t]+(?=[.,;:!?。，]|$)", "", MARKER.sub("", sentence.text)).strip()
    if not ids or not text:
        return text
    marker = cite(index, ids)
    if kind in ("row", "header_row"):
        return _with(text, marker, kind)
    stop = _STOPS.search(text)
    place = stop.start() if stop else len(text)
    gap = "" if "\u2e80" <= text[place - 1 : place] <= "\u9fff" else " "
    return f"{text[:place]}{gap}{marker}{text[place:]}"


def _with(text: str, addition: str, kind: str) -> str:
    """`text` with `addition` behind it; inside the last cell where it is a table's row."""
    cells = text.rstrip("| \t") if kind in ("row", "header_row") else text
    return f"{cells} {addition}{text[len(cells) :]}"


def _plain_marker(_index: int, ids: tuple[str, ...]) -> str:
    return f"[{', '.join(ids)}]"


def _without_empty_items(text: str) -> str:
    """Takes away list markers and blank lines that cut sentences left behind."""
    kept = re.sub(r"(?m)^[ \t>]*(?:[-*+•]|\d{1,3}[.)])[ \t]*\n?$", "", text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(?m)(?<=\S)[ \t]{2,}(?=\S)|[ \t]+$", _one_blank, kept)).strip("\n")


def _one_blank(match: re.Match[str]) -> str:
    return " " if match.end() < len(match.string) and match.string[match.end()] != "\n" else ""
