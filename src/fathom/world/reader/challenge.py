"""Pages that ask a visitor to prove something instead of showing what was asked for, served with status 200."""

import re

_SHORT = 1500  # characters; a page that only asks has few
_TITLES = re.compile(
    r"^(just a moment|one moment|attention required|access denied|are you (a )?(human|robot)|security check"
    r"|checking your browser|verify(ing)? (that )?you|human verification|pardon our interruption|robot check"
    r"|request blocked|请稍候|安全验证)",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"(prove|verify|confirm|check(ing)?) (that |if |whether )?you('re| are) (a )?(human|not a robot|real)"
    r"|enable javascript and cookies to continue|complete the (captcha|security check)|unusual traffic from your"
    r"|checking your browser before|人机验证|请完成安全验证",
    re.IGNORECASE,
)


def is_challenge(title: str, text: str) -> bool:
    """Whether the page asks for a proof. A long page may speak of such things."""
    return len(text) <= _SHORT and bool(_TITLES.match(title.strip()) or _WORDS.search(text))
