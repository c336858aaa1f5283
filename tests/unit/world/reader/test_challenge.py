import pytest

from fathom.world.reader.challenge import is_challenge


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
