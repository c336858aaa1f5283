"""Names of licences, as SPDX ids where a text or address tells which one is meant."""

import re

_CREATIVE = re.compile(r"\bcc[ -]?(by(?:-(?:nc|nd|sa))*)[ -]?v?(\d\.\d)\b")
_ADDRESS = re.compile(r"creativecommons\.org/licenses/(by(?:-(?:nc|nd|sa))*)/(\d\.\d)")
_ZERO = re.compile(r"\bcc0\b|creativecommons\.org/publicdomain/zero/1\.0")
_LONGEST = 500
_WIKIMEDIA = re.compile(r"(^|\.)(wikipedia|wiktionary|wikibooks|wikivoyage|wikiquote|wikisource|wikiversity)\.org$")


def of_host(host: str) -> str:
    """The licence of the texts on a Wikimedia host; empty for others. Texts of before June 2023 came under version 3.0,
    which lets them be used under 4.0."""
    return "CC-BY-SA-4.0" if _WIKIMEDIA.search(host) else ""


def spdx(stated: str) -> str:
    """The SPDX id of `stated` where it names a Creative Commons licence with its version, or CC0; else `stated` itself
    in one line."""
    stated = " ".join(stated[:_LONGEST].split())
    text = stated.lower().replace("_", "-")
    found = _ADDRESS.search(text) or _CREATIVE.search(re.sub(r"(?<=[a-z]) (?=(nc|nd|sa)\b)", "-", text))
    if found:
        return f"CC-{found.group(1).upper()}-{found.group(2)}"
    return "CC0-1.0" if _ZERO.search(text) else stated
