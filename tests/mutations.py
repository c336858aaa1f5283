"""Damaged files by the thousand: mutate sound ones, read them, and see that nothing but documents and problems comes.

`python -m tests.mutations COUNT [SEED] [NAME...]` runs COUNT inputs of every sample and prints what was seen.
"""

import io
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.samples import SAMPLES

from fathom.core.errors import InputError
from fathom.corpus.ingest.options import ReadOptions
from fathom.corpus.ingest.reader import read_documents

# fmt: off
TOKENS = (
    b"\0", b"\xff" * 8, b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"<", b">", b"&", b'"', b"{", b"}", b"[[", b"]]",
    b"{{", b"{|", b"<!--", b"<ref>", b"<div>" * 700, b"<![CDATA[", b"<!DOCTYPE x [", b"&#x110000;", b"\\ud800",
    b"[" * 3000, b"{" * 500, b"''" * 200, b"\xef\xbf\xbd", b"\xed\xa0\x80", b"PK\x05\x06", b"9" * 400, b"\x1f\x8b\x08",
    b"stream", b"endobj", b"0 0 R", b"%PDF-", b"ZIM\x04", b"</", b"\r", b"\x0c", b"<a href='//[x'>y</a>",
)
# fmt: on


def mutate(data: bytes, rng: random.Random) -> bytes:
    """`data` with one to eight random damages."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(changed) + 1)
        end = min(len(changed), at + rng.choice((1, 2, 4, 16, 200)))
        kind = rng.randrange(8)
        if kind == 0:
            del changed[at:]
        elif kind == 1 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            changed[at:end] = rng.randbytes(end - at)
        elif kind == 3:
            del changed[at:end]
        elif kind == 4:
            changed[at:at] = changed[at:end] * rng.choice((1, 2, 50))
        elif kind == 5:
            changed[at:at] = rng.choice(TOKENS)
        elif kind == 6:
            token = rng.choice(TOKENS)
            changed[at : at + len(token)] = token
        else:
            other = rng.randrange(len(changed) + 1)
            changed[at:end] = changed[other : other + end - at]
    return bytes(changed)


def mutate_inside(data: bytes, rng: random.Random) -> bytes:
    """A zip archive with one of its members mutated, so that its checksums are right."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        chosen = rng.choice([name for name in old.namelist() if name.endswith((".xml", ".rels"))])
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, mutate(content, rng) if name == chosen else content)
    return buffer.getvalue()


@dataclass
class Seen:
    """What came of a run: inputs, documents, problems by kind, and the longest wait for one file."""

    inputs: int = 0
    documents: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    slowest: str = ""
    seconds: float = 0.0


OPTIONS = ReadOptions(parser_cpu_s=10, document_bytes=2**20, parsers=1)


def fuzz(name: str, data: bytes, count: int, seed: int, folder: Path, options: ReadOptions = OPTIONS) -> Seen:
    """Read `count` mutations of the file `name`. Raises `AssertionError` where a file gives neither a document nor a
    problem, several problems, or a document that breaks its promises; what a reader raises passes through."""
    seen = Seen()
    rng = random.Random(f"{seed}/{name}")
    began = time.perf_counter()
    while seen.inputs < count:
        for old in folder.iterdir():
            old.unlink()
        batch = min(200, count - seen.inputs)
        for number in range(batch):
            inside = data.startswith(b"PK") and rng.random() < 0.7
            changed = mutate_inside(data, rng) if inside else mutate(data, rng)
            (folder / f"{number:04d}-{name}").write_bytes(changed)
        _read(folder, seen, options)
        seen.inputs += batch
    seen.seconds = time.perf_counter() - began
    return seen


def _read(folder: Path, seen: Seen, options: ReadOptions) -> None:
    told: Counter[str] = Counter()
    given: Counter[str] = Counter()
    at = time.perf_counter()

    def on_problem(problem: InputError) -> None:
        nonlocal at
        told[Path(problem.source).name] += 1
        seen.problems[problem.kind] += 1
        assert "\n" not in str(problem), str(problem)
        at = _waited(seen, at, problem.source)

    for document in read_documents(folder, on_problem=on_problem, options=options):
        given[document.source] += 1
        seen.documents += 1
        at = _waited(seen, at, document.source)
        document.model_dump_json().encode()
        assert document.url and document.title and document.text.strip(), document.source
        assert str(folder) not in document.model_dump_json()
        for link in document.links:
            assert link.target
            assert link.offset == -1 or document.text.startswith(link.anchor, link.offset), (document.source, link)
    for path in folder.iterdir():
        assert told[path.name] <= 1, path
        assert told[path.name] + given[path.name] > 0, path


def _waited(seen: Seen, since: float, source: str) -> float:
    now = time.perf_counter()
    if now - since > seen.slowest_s:
        seen.slowest_s, seen.slowest = now - since, source
    return now


def main(arguments: list[str]) -> None:
    """Run and print; a batch that failed stays in the temporary folder."""
    count, seed = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 0
    for name in arguments[2:] or SAMPLES:
        folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
        sys.stdout.write(f"{name} in {folder}\n  {fuzz(name, SAMPLES[name](), count, seed, folder)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
