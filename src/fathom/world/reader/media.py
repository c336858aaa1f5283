"""What a fetched body is: by its first bytes where they tell, else by what the server says."""

import re
from typing import Literal

from fathom.corpus.ingest.detect import SNIFF_BYTES, detect

Form = Literal["html", "pdf", "office", "plain"]

_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([a-z0-9_.:-]{1,40})""", re.IGNORECASE)
_TEXT = re.compile(r"(text/[a-z0-9.+-]+|application/([a-z0-9.-]+\+)?(json|yaml|x-ndjson|javascript|x-sh|toml))")
_MARKUP = re.compile(r"(text/html|application/xhtml\+xml|(text|application)/([a-z0-9.-]+\+)?xml)")
_UNKNOWN = frozenset({"", "application/octet-stream", "binary/octet-stream", "unknown/unknown", "application/unknown"})


def charset_of(content_type: str) -> str:
    """The encoding that a content-type header names; empty where it names none."""
    found = _CHARSET.search(content_type)
    return found[1] if found else ""


def form_of(content_type: str, body: bytes) -> Form | None:
    """How `body` is to be read; None where it cannot be: pictures, sound, archives, programs."""
    media_type = content_type.partition(";")[0].strip().lower()
    markup = _MARKUP.fullmatch(media_type) is not None
    found = detect(body[:SNIFF_BYTES], "page.html" if markup else "page")
    if found == "pdf" or found == "office":
        return found
    if found in ("ole", "zim"):
        return None
    wide = charset_of(content_type).lower().startswith(("utf-16", "utf-32"))
    if found == "binary" and not (wide and (markup or _TEXT.fullmatch(media_type))):
        return None
    if markup or (found == "html" and (media_type in _UNKNOWN or media_type == "text/plain")):
        return "html"
    return "plain" if media_type in _UNKNOWN or _TEXT.fullmatch(media_type) else None
