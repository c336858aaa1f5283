"""From a service's reply to its content, or to the fault that it is: the one place where statuses are read.

Whatever is not a whole reply of the promised form is a fault with its kind, never "nothing found". Services say the
same thing in many ways, a used-up quota for one with 402, 403, 429, 432, 400 or 200, so the words of an error count
beside its status. An error's own words go into the message, for logs.
"""

import json
import re
import time
from collections.abc import Callable, Container, Mapping
from typing import Any, Literal, NoReturn
from xml.etree import ElementTree

from fathom.core.errors import ProviderFault, WorldUnavailableFault
from fathom.core.text import terms
from fathom.llm.retry import retry_after_s
from fathom.sandbox.egress.protocol import WebReply
from fathom.sandbox.egress.status import kind_of
from fathom.world.search.markup import one_line

Form = Literal["json", "xml", "html"]

_QUOTA = re.compile(
    r"rate.?limit|rate exceeded|too many requests|not enough credits|no.?more.?credits|payment.?required|throttl"
    r"|slow down|insufficient.{0,20}(?:credit|quota|balance)|quota.{0,20}(?:exceeded|exhausted|reached)|usage.?limit"
    r"|exceed\w{0,5}.{0,40}(?:quota|limit|budget)|(?:limit|budget).{0,20}exceeded",
    re.IGNORECASE,
)
_AUTH = re.compile(
    r"unauthori[sz]ed|forbidden|bad credentials|requires authentication"
    r"|(?:api.?key|token).{0,30}(?:invalid|missing|expired|required|not valid)"
    r"|(?:invalid|missing|expired|no).{0,20}(?:api.?key|(?:subscription|access|auth\w{0,10}).token)",
    re.IGNORECASE,
)
_EXCLUDED = re.compile(r"AccessControlException")  # Wayback's, for sites that asked to be left out
_ENCODINGS = re.compile(
    r"utf-?(?:8|16|32)(?:-?[lb]e)?|us-ascii|gb(?:k|2312|18030)|big5|shift_jis|euc-(?:jp|kr)|iso-8859-\d{1,2}"
    r"|windows-125\d|koi8-[ru]",
    re.IGNORECASE,
)
_ERROR_NAMES = ("error", "errors", "code", "type", "tag", "message", "detail", "info", "title", "ERROR")
_PLANS = (432, 433)  # Tavily's: the plan's limit, and that of pay-as-you-go
_READ_CHARS = 4000  # how much of an error is read for its words
_EPOCH_S = 1e9  # a reset above this is a point in time, below it a number of seconds
_CLOSING = {"{": "}", "[": "]"}
_CUT_XML = (3, 5)  # expat: no element found, unclosed token


def content_of(
    reply: WebReply, form: Form, *, statuses: Container[int] = (200,), now: Callable[[], float] = time.time
) -> Any:
    """What a reply holds: JSON as Python has it, an XML element, or the text of an HTML page.

    Raises `WorldUnavailableFault`: for any status but `statuses` what `_check_status` says; `rate_limited` or
    `unauthorised` where an error that came with 200 says so; `truncated` for the beginning of something; `garbage` for
    the rest.
    """
    if reply.status not in statuses:
        _check_status(reply, now)
    text = _text(reply)
    if form == "html":
        if not text.rstrip().lower().endswith("</html>"):
            _refuse_words(text, otherwise="truncated" if "<html" in text.lower() else "garbage", what="no whole page")
        return text
    return _xml(text) if form == "xml" else _json(text)


def garbage(what: str) -> NoReturn:
    """Say that a reply is not what the interface promises."""
    raise WorldUnavailableFault(what, kind="garbage")


def puzzle() -> NoReturn:
    """Say that whoever asks is taken for a robot, and shall prove that it is none."""
    raise WorldUnavailableFault("a puzzle for robots", kind="unauthorised")


def rejected(what: str, *, hint: str = "") -> NoReturn:
    """Say that the service cannot be asked this, or would not take it as it stands."""
    raise WorldUnavailableFault(what, kind="rejected", hint=hint)


def check_echo(asked: str, echoed: Any) -> None:
    """Raise `mismatch` where a reply names another query than the one asked: other words, whatever stands between. A
    service that names none is believed."""
    words = terms(echoed, stopwords=True) if isinstance(echoed, str) else []
    if words and words != terms(asked, stopwords=True):
        raise WorldUnavailableFault("the reply is to another query", kind="mismatch")


def fault_of_words(text: str, *, otherwise: ProviderFault.Kind, what: str) -> WorldUnavailableFault:
    """The fault an error's words tell of; of kind `otherwise` where they tell of neither limit nor key."""
    said = one_line(text, 200)
    kind = _kind_of_words(text[:_READ_CHARS]) or otherwise
    return WorldUnavailableFault(f"{what}: {said}" if said else what, kind=kind)


def _check_status(reply: WebReply, now: Callable[[], float]) -> NoReturn:
    """Raise what a reply without content says: what `kind_of` says of its status; but a 4xx that leaves it open is what
    its words or headers say, as of a limit that is used up, for which many services have 403."""
    status = reply.status
    said = _error_words(reply.body[:_READ_CHARS].decode("utf-8", "replace"))
    kind: ProviderFault.Kind = "rate_limited" if status in _PLANS else kind_of(status)
    if status == 403 and (_spent(reply.headers) or "retry-after" in reply.headers):
        kind = "rate_limited"
    elif kind in ("rejected", "unauthorised") and status != 401:
        kind = _kind_of_words(said) or kind
    words = one_line(said, 200)
    raise WorldUnavailableFault(
        f"status {status}: {words}" if words else f"status {status}",
        kind=kind,
        retry_after_s=_wait_s(reply.headers, kind, now) if kind in ("rate_limited", "server") else None,
    )


def _kind_of_words(words: str) -> ProviderFault.Kind | None:
    if _EXCLUDED.search(words):
        return "rejected"
    return "rate_limited" if _QUOTA.search(words) else "unauthorised" if _AUTH.search(words) else None


def _wait_s(headers: Mapping[str, str], kind: ProviderFault.Kind, now: Callable[[], float]) -> float | None:
    """Seconds to wait, by `retry-after`, else by `x-ratelimit-reset` of the limits that are used up: one number, or
    several in the order of `x-ratelimit-remaining`; in seconds, or as a point in time. Where a limit is said to be used
    up and nothing is said of what remains, all of them are."""
    asked = retry_after_s(headers, now)
    if asked is not None:
        return asked
    resets = _numbers(headers.get("x-ratelimit-reset", ""))
    left = _numbers(headers.get("x-ratelimit-remaining", ""))
    if not left and kind == "rate_limited":
        left = [0.0] * len(resets)
    spent = [reset for reset, rest in zip(resets, left, strict=False) if rest == 0]
    waits = [reset - now() if reset > _EPOCH_S else reset for reset in spent]
    return max(0.0, *waits) if waits else None


def _spent(headers: Mapping[str, str]) -> bool:
    return 0 in _numbers(headers.get("x-ratelimit-remaining", ""))


def _numbers(text: str) -> list[float]:
    parts = [part.strip() for part in text.split(",")]
    return [float(part) for part in parts] if all(re.fullmatch(r"\d{1,12}", part, re.ASCII) for part in parts) else []


def _text(reply: WebReply) -> str:
    """The body as text: UTF-8 where it is that, else by the encoding the headers name."""
    match = re.search(r"charset\s{0,4}=\s{0,4}[\"']?([\w-]+)", reply.headers.get("content-type", "")[:200])
    named = match[1].lower() if match and _ENCODINGS.fullmatch(match[1]) else "utf-8"
    # Plain letters in UTF-16 are UTF-8 too, with a zero byte after each.
    wide = named.startswith(("utf-16", "utf16", "utf-32", "utf32"))
    for encoding in (named,) if wide else ("utf-8-sig", named):
        try:
            return reply.body.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    garbage("the reply is in no known encoding")


def _refuse_words(text: str, *, otherwise: ProviderFault.Kind, what: str) -> NoReturn:
    """For a body that is not what was promised: a page says whatever it says, but a line of text may be an error."""
    raise fault_of_words(text if len(text) <= 500 and "<" not in text else "", otherwise=otherwise, what=what)


def _json(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        stripped = text.strip()
        opened = _CLOSING.get(stripped[:1])
        if opened and (not stripped.endswith(opened) or error.pos >= len(text.rstrip())):
            raise WorldUnavailableFault("half a reply", kind="truncated") from None
        what = "HTML instead of JSON" if stripped.startswith("<") else "not JSON"
        _refuse_words(text, otherwise="garbage", what=what)
    except (ValueError, RecursionError):
        garbage("JSON that cannot be read")
    if isinstance(value, dict) and (value.get("error") or value.get("errors")):
        raise fault_of_words(words_of(value), otherwise="garbage", what="an error with status 200")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _xml(text: str) -> ElementTree.Element:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # entities could be made to grow without bound
        garbage("HTML, or XML with definitions of its own")
    try:
        return ElementTree.fromstring(text.encode("utf-8"), ElementTree.XMLParser(encoding="utf-8"))
    except ElementTree.ParseError as error:
        cut = text.lstrip().startswith("<") and error.code in _CUT_XML
        _refuse_words(text, otherwise="truncated" if cut else "garbage", what="half a reply" if cut else "not XML")


def _error_words(text: str) -> str:
    try:
        return words_of(json.loads(text))
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else text


def words_of(value: Any, *, depth: int = 4) -> str:
    """What an error in JSON says: the texts under the names that errors have, joined."""
    if isinstance(value, str | int):
        return str(value)[:_READ_CHARS]
    inner = value[:5] if isinstance(value, list) else []
    if isinstance(value, dict):
        inner = [value[name] for name in _ERROR_NAMES if name in value]
    words = (words_of(item, depth=depth - 1) for item in inner if depth)
    return " ".join(word for word in words if word)
