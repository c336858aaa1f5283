"""The one rule by which bytes become text.

First match wins: a byte order mark; an encoding that is declared, by the server or the file (HTML), and fits; UTF-8,
where at most a tenth of what is not ASCII fails to decode, which then becomes U+FFFD; GB18030, where it decodes without
error and four fifths of the bytes that are not ASCII stand in pairs of GB 2312 (in Western text they stand alone); else
Windows-1252.
"""

import codecs
import re

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
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([a-z0-9_-]+)|<\?xml[^>]{0,100}?encoding\s*=\s*["']([a-z0-9_-]+)""",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 4096  # browsers look at the first 1024 bytes; scripts are put before it all the same


def decode(data: bytes, *declared: str) -> str:
    """The text of `data` by the rule above; total. Lone surrogates and control characters become U+FFFD, line ends a
    newline."""
    return _CONTROL.sub("\ufffd", mend(_decode(data, declared)).replace("\r\n", "\n").replace("\r", "\n"))


def _decode(data: bytes, declared: tuple[str, ...]) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    for encoding in filter(None, declared):
        stated = _try(data, encoding)
        if stated is not None:
            return stated
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


def decode_html(data: bytes, said: str = "") -> str:
    """The text of an HTML file: by `said`, the word of the server that sent it, else by its own, where one is given."""
    found = _DECLARED.search(data[:_DECLARED_WITHIN])
    declared = (found.group(1) or found.group(2)).decode("ascii") if found else ""
    return decode(data, said, declared)


def mend(text: str) -> str:
    """The text with lone surrogates, which no UTF-8 file can hold, as U+FFFD; offsets stay."""
    return _SURROGATE.sub("\ufffd", text)
