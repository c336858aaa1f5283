"""Plain text and Markdown, and the one rule by which bytes become text.

The rule, first match wins: a byte order mark; the encoding the file declares (HTML); UTF-8, where at most a tenth of
what is not ASCII fails to decode, which then becomes U+FFFD; GB18030, where it decodes without error and four fifths
of the bytes that are not ASCII stand in pairs of GB 2312 (in Western text they stand alone); else Windows-1252.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from fathom.corpus.document import Document
from fathom.corpus.ingest.detect import suffix
from fathom.corpus.ingest.source import Source, mend
from fathom.corpus.ingest.unpack import Stream

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WEB_CODEC = re.compile(r"(utf-?(8|16|32)|iso8859|cp|koi8|mac|gb|hz|big5|euc|shift_jis|iso2022|ascii|tis-620|ptcp)")
_WEB_NAMES = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030"}  # as browsers do
_GB_PAIR, _HIGH = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]"), re.compile(rb"[\x80-\xff]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_TITLE_SEARCH_CHARS = 4000


def decode(data: bytes, declared: str = "") -> str:
    """The text of `data` by the rule above; total. Lone surrogates and control characters become U+FFFD, line ends a
    newline."""
    return _CONTROL.sub("\ufffd", mend(_decode(data, declared)).replace("\r\n", "\n").replace("\r", "\n"))


def _decode(data: bytes, declared: str) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if declared:
        text = _try(data, declared)
        if text is not None:
            return text
    text = data.decode("utf-8", "replace")
    # A file may hold U+FFFD itself; then its three bytes count as failed, which errs on the safe side.
    failed = text.count("\ufffd")
    if failed * 10 <= len(_NOT_ASCII.findall(text)):
        return text
    if 5 * len(_GB_PAIR.findall(data)) > 2 * len(_HIGH.findall(data)):
        chinese = _try(data, "gb18030")
        if chinese is not None:
            return chinese
    return data.decode("cp1252", "replace")


def _try(data: bytes, encoding: str) -> str | None:
    """Strictly decoded, or None; also for Python's own codecs (punycode takes quadratic time) and unknown ones."""
    try:
        name = codecs.lookup(encoding).name
        return data.decode(_WEB_NAMES.get(name, name)) if _WEB_CODEC.match(name) else None
    except (LookupError, ValueError):
        return None


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
