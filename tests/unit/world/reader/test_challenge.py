import pytest

from fathom.core.errors import WorldUnavailableFault
from fathom.world.reader.challenge import is_challenge
from fathom.world.reader.live import page_of
from fathom.world.reader.parser import Parsed


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Just a moment...", "example.org needs to review the security of your connection before proceeding."),
        ("Attention Required! | Cloudflare", "Sorry, you have been blocked"),
        ("example.org", "Checking if you are human. This may take a few seconds."),
        ("Access Denied", "You don't have permission to access this on this server. Reference #18.2f"),
        ("", "Our systems have detected unusual traffic from your computer network."),
        ("Shop", "Please enable JavaScript and cookies to continue"),
        ("安全验证", "请完成安全验证后继续访问"),
    ],
)
def test_a_page_that_asks_for_a_proof(title: str, text: str) -> None:
    assert is_challenge(title, text)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("CAPTCHA", "A CAPTCHA asks visitors to verify that you are human. " * 60),
        ("Salt Road", "Salt Road is a film. Salt Road was directed by Carla Rossi."),
        ("A moment in time", "Just a moment, he said."),
        ("", ""),
    ],
)
def test_a_page_that_says_something(title: str, text: str) -> None:
    assert not is_challenge(title, text)


def test_no_page_is_made_of_one_whoever_reads_it() -> None:
    parsed = Parsed(title="Just a moment...", text="Checking your browser.", links=(), lang="", licence="")
    with pytest.raises(WorldUnavailableFault, match="proof of being human") as caught:
        page_of("https://a.example/", parsed, "2026-01-01T12:00:00Z")
    assert caught.value.kind == "unauthorised"
