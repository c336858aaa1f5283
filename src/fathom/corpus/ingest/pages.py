"""PDF and Office files: parsed in a parser process, their pages, slides or sheets parted by a form feed in the text."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from fathom.corpus.document import Document, Link
from fathom.corpus.ingest.encoding import mend
from fathom.corpus.ingest.isolate import Job, Outcome
from fathom.corpus.ingest.source import Source
from fathom.corpus.ingest.unpack import Stream

_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")


def read_pdf(source: Source, stream: Stream) -> Iterator[Document]:
    """The one document of a PDF file. Raises `InputError` after what could be read."""
    limit = source.options.document_bytes
    yield from _read(source, stream, Job("pdf_text:extract", {"path": str(source.path), "limit": limit}))


def read_office(source: Source, stream: Stream) -> Iterator[Document]:
    """The one document of a docx, pptx or xlsx file. Raises `InputError` after what could be read."""
    options = source.options
    arguments = {
        "path": str(source.path),
        "limit": options.document_bytes,
        "members": options.zip_members,
        "total_bytes": options.zip_bytes,
        "ratio": options.unpack_ratio,
        "free_bytes": options.unpack_free_bytes,
    }
    yield from _read(source, stream, Job("office_text:extract", arguments))


def refuse_ole(source: Source, stream: Stream) -> Iterator[Document]:
    """Nothing: an old Office file, or a new one with a password, which has the same wrapping. Raises `InputError`."""
    data, _ = stream.head(source.options.document_bytes)
    if _ENCRYPTED_OFFICE in data:
        raise source.error("encrypted", "a password is needed to open it")
    raise source.error("unsupported", "an Office file of before 2007", 0, "save it as docx, pptx or xlsx")


def _read(source: Source, stream: Stream, job: Job) -> Iterator[Document]:
    if stream.packed:
        raise source.error("unsupported", "a packed file of a kind that is only read unpacked", 0, "unpack it first")
    size, limit = source.path.stat().st_size, source.options.whole_file_bytes
    if size > limit:
        raise source.error("oversized", f"{size} bytes, over the limit of {limit}", hint="raise whole_file_bytes")
    outcome = source.parsers.run(job)
    document = _assemble(source, outcome)
    if document.text:
        yield document
    if outcome.failure:
        raise source.error(*outcome.failure)
    if not document.text:
        raise source.error("empty", "there is no text in it; pages that are pictures need text recognition first")


def _assemble(source: Source, outcome: Outcome) -> Document:
    facts, blocks = (outcome.parts[0], outcome.parts[1:]) if outcome.parts else ({}, [])
    parts: list[str] = []
    links: list[Link] = []
    length = 0
    for number, block in enumerate(blocks):
        # Empty pages keep their break, so that the n-th part is the n-th page.
        gap = block["before"] if number else ""
        text = mend(block["text"])
        if not text and "\f" not in gap:
            continue
        length += len(gap)
        for target, anchor, offset in block["links"]:
            links.append(Link(target=mend(target), anchor=mend(anchor), offset=length + offset if anchor else -1))
        parts += [gap, text]
        length += len(text)
    whole = "".join(parts)
    return Document(
        url=source.address(),
        title=mend(facts.get("title", "")).strip() or PurePosixPath(source.name).stem,
        text=whole if whole.strip() else "",
        links=tuple(links),
        source=source.name,
        date=facts.get("date", ""),
    )
