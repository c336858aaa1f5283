"""Plain text and Markdown."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from fathom.corpus.document import Document
from fathom.corpus.ingest.detect import suffix
from fathom.corpus.ingest.encoding import decode
from fathom.corpus.ingest.source import Source
from fathom.corpus.ingest.unpack import Stream

_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_TITLE_SEARCH_CHARS = 4000


def read_plain(source: Source, stream: Stream) -> Iterator[Document]:
    """The one document of a text file: titled by its first Markdown heading, else by the file's name. Of a file longer
    than `document_bytes` the begin is kept. Raises `InputError` after the document where there is more or damage."""
    data, failure = stream.head(source.options.document_bytes)
    text = decode(data)
    if text.strip():
        heading = _HEADING.search(text[:_TITLE_SEARCH_CHARS]) if _is_markdown(source.name) else None
        title = heading.group(1).strip() if heading else PurePosixPath(source.name).stem
        yield Document(url=source.address(), title=title, text=text, source=source.name)
    if failure:
        raise failure
    if not text.strip():
        raise source.error("empty", "there is no text in it")


def _is_markdown(name: str) -> bool:
    return suffix(name) in (".md", ".markdown")
