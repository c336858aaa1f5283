"""One status means one thing, whoever sends it."""

import pytest

from fathom.core.errors import ProviderFault
from fathom.sandbox.egress.protocol import WebReply
from fathom.sandbox.egress.status import kind_of
from fathom.world.reader.status import check_status
from fathom.world.search.reply import content_of

KINDS = {
    204: "garbage", 302: "garbage", 400: "rejected", 401: "unauthorised", 402: "rate_limited", 403: "unauthorised",
    405: "rejected", 407: "unauthorised", 408: "timeout", 418: "rejected", 429: "rate_limited", 451: "unauthorised",
    500: "server", 503: "server", 599: "server",
}  # fmt: skip


@pytest.mark.parametrize(("status", "kind"), KINDS.items())
def test_searching_and_reading_say_the_same_of_a_status(status: int, kind: str) -> None:
    reply = WebReply(status, "https://a.example/", {}, b"<html></html>")
    assert kind_of(status) == kind
    with pytest.raises(ProviderFault) as read:
        check_status(reply)
    with pytest.raises(ProviderFault) as searched:
        content_of(reply, "json")
    assert read.value.kind == searched.value.kind == kind
