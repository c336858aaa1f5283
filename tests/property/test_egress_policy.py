"""Any text is an address in its one form, or refused."""

import re
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from fathom.core.errors import AccessDeniedError
from fathom.sandbox.egress.addresses import permitted, port_permitted
from fathom.sandbox.egress.policy import Target, join, target_of

MARKS = "http:// HTTPS:// // / \\ @ : % %2e .. # ? [ ] & = - _ xn-- \t \n \x00 \u200b \ud800"
HOSTS = "::1 127.0.0.1 0x7f.1 2130706433 a.example localhost 80 8080 22 ． １ ü"
PARTS = [" ", "\t", "\n", *MARKS.split(" "), *HOSTS.split(" ")]
texts = st.one_of(st.text(), st.lists(st.sampled_from(PARTS), max_size=12).map("".join)).flatmap(
    lambda text: st.sampled_from((text, f"http://{text}", f"https://a.example{text}"))
)
scopes = st.sampled_from(("public", "private", "offline"))


def read(url: str, scope) -> Target | None:
    try:
        return target_of(url, scope)
    except AccessDeniedError:
        return None


@given(url=texts, scope=scopes)
@example(url="http://[::1%25lo]", scope="private")
@example(url="http://a.example/" + "%2e%2e/" * 40, scope="public")
def test_any_text_is_read_or_refused(url: str, scope) -> None:
    target = read(url, scope)
    if target is None:
        return
    assert scope != "offline" and port_permitted(target.port, scope)
    assert target.address is None or permitted(target.address, scope)
    assert re.fullmatch(r"[a-z0-9_.:-]+", target.host, re.ASCII)
    assert re.fullmatch(r"/[\x21-\x7e]*", target.path, re.ASCII) and "#" not in target.path
    assert not re.search(r"/\.{1,2}(/|\?|$)", target.path.partition("?")[0])
    assert target_of(target.url, scope) == target


@given(base=texts, location=texts)
def test_any_redirect_is_read_or_refused(base: str, location: str) -> None:
    start = read(base, "public")
    if start is not None:
        with suppress(AccessDeniedError):
            read(join(start.url, location), "public")
