"""`read_documents`: one way from files of any kind to documents.

The format is found by content, then by name; folders are walked in sorted order, without leaving them through links. A
file that cannot be read gives one problem and the reading goes on with the next; what was read before a damage stays.
The same input gives the same documents in the same order on every machine.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from fathom.core.errors import InputError
from fathom.corpus.document import Document
from fathom.corpus.ingest.detect import SNIFF_BYTES, Format, detect, is_asset
from fathom.corpus.ingest.html import read_html
from fathom.corpus.ingest.isolate import Parsers
from fathom.corpus.ingest.jsonl import read_json_lines, read_json_list
from fathom.corpus.ingest.mediawiki import read_mediawiki
from fathom.corpus.ingest.options import ReadOptions
from fathom.corpus.ingest.pages import read_office, read_pdf, refuse_ole
from fathom.corpus.ingest.plain import read_plain
from fathom.corpus.ingest.source import Names, OnProblem, Source
from fathom.corpus.ingest.unpack import Stream, unreadable
from fathom.corpus.ingest.zim import read_zim

_READERS: dict[Format, Callable[[Source, Stream], Iterator[Document]]] = {
    "json_lines": read_json_lines,
    "json_list": read_json_list,
    "plain": read_plain,
    "html": read_html,
    "mediawiki": read_mediawiki,
    "pdf": read_pdf,
    "office": read_office,
    "zim": read_zim,
    "ole": refuse_ole,
}
_OTHER_KINDS = "text, Markdown, JSON lines, HTML, PDF, docx, pptx, xlsx, MediaWiki XML and ZIM can be read"


def read_documents(path: Path, *, on_problem: OnProblem, options: ReadOptions = ReadOptions()) -> Iterator[Document]:
    """The documents of the file or folder `path`, in order; never raises for what a file holds.

    `on_problem` gets at most one `InputError` per file, after the file's documents, naming the file, the kind of
    damage and the byte offset where there is one: of the first damage, with the number of records left out. Of a
    folder's files those that are no documents by name (images, styles, scripts) and hidden ones are passed over.
    """
    parsers = Parsers(options)
    left = options.documents
    try:
        names = Names()
        for file, name in _files(path, on_problem):
            source = Source(file, name, options, parsers, names)
            for document in _kept(source, on_problem):
                if left == 0:
                    on_problem(source.error("oversized", f"over {options.documents} documents; the rest is left out"))
                    return
                left = left - 1 if left is not None else None
                yield document
    finally:
        parsers.close()


def _kept(source: Source, on_problem: OnProblem) -> Iterator[Document]:
    """The documents of one file, then its problem. A file that gives no document has always one."""
    last: InputError | None = None
    none = True
    try:
        for document in _read(source):
            none = False
            yield document
    except InputError as error:
        last = error
    problem = source.verdict(last)
    if problem is None and none:
        problem = source.error("empty", "there is no document in it")
    if problem is not None:
        on_problem(problem)


def _files(path: Path, on_problem: OnProblem) -> Iterator[tuple[Path, str]]:
    """Files to read, each with its name in documents."""
    if not path.is_dir():
        # A device or pipe may never end.
        if path.exists() and not path.is_file():
            on_problem(InputError(path, "unsupported", "neither a file nor a folder"))
        else:
            yield path, path.name
        return
    found = False
    for file, name in _walk(path, path.resolve(), on_problem):
        found = True
        yield file, name
    if not found:
        on_problem(InputError(path, "empty", "there is no file to read in this folder"))


def _walk(root: Path, real_root: Path, on_problem: OnProblem) -> Iterator[tuple[Path, str]]:
    stack = [root]
    while stack:
        folder = stack.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            on_problem(InputError(folder, "unsupported", error.strerror or type(error).__name__))
            continue
        folders = []
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            # A linked folder may lead out or round in circles; a linked file counts where its target is inside.
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif entry.is_file() and not is_asset(entry.name) and _inside(entry, path, real_root):
                yield path, path.relative_to(root).as_posix()
        stack.extend(reversed(folders))


def _inside(entry: os.DirEntry[str], path: Path, real_root: Path) -> bool:
    return not entry.is_symlink() or path.resolve().is_relative_to(real_root)


def _read(source: Source) -> Iterator[Document]:
    limit = source.options.file_bytes
    try:
        size = source.path.stat().st_size
    except OSError as error:
        raise unreadable(source, error) from None
    if not size:
        raise source.error("empty", "the file has no bytes", 0)
    if limit is not None and size > limit:
        raise source.error("oversized", f"{size} bytes, over the limit of {limit}", hint="raise file_bytes")
    with Stream(source) as stream:
        head = stream.peek(SNIFF_BYTES)
        if not head:
            stream.read(1)  # tells of the damage, if there is one
            raise source.error("empty", "nothing is packed in the file", 0)
        form = detect(head, source.name)
        reader = _READERS.get(form)
        if reader is None:
            raise source.error("unsupported", "no format that can be read", 0, _OTHER_KINDS)
        yield from reader(source, stream)
