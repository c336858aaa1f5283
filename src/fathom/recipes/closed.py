"""Corpora that are closed worlds: made from a configuration that is kept, so that their truth can be made again."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from fathom.core.assets import Progress, exclusive, quiet
from fathom.core.errors import ConfigError, InputError
from fathom.core.model import canonical_json
from fathom.core.texts import write_durably
from fathom.corpus.closed.knowledge import ClosedConfig, KnowledgeBase, knowledge
from fathom.corpus.closed.pages import documents
from fathom.corpus.document import Document
from fathom.corpus.snapshot import Snapshot, build_snapshot
from fathom.recipes.corpora import CLOSED, corpus_folder, exists

_REPORT_EVERY = 1000


def ensure_closed(name: str, home: Path, config: ClosedConfig, on_progress: Progress = quiet) -> Snapshot:
    """The corpus `name` as the closed world of `config`, made if it is not there.

    Raises `ConfigError` where a corpus of that name is something else.
    """
    folder = corpus_folder(name, home)
    with exclusive(home / "corpora" / f".{name}.lock", f"waiting for another process that makes {name}", on_progress):
        if exists(folder):
            if not (folder / CLOSED).is_file() or closed_config(name, home) != config:
                raise ConfigError(
                    f"there is another corpus {name!r}", hint=f"fathom corpus remove {name}, or choose another name"
                )
            return Snapshot.open(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(folder / CLOSED, canonical_json(config).encode() + b"\n")
        return build_snapshot(folder, name, _reported(config, on_progress), on_progress=on_progress)


def closed_config(name: str, home: Path) -> ClosedConfig:
    """What the closed world `name` was made from. Raises `ConfigError` for a corpus that is none, `InputError`."""
    path = corpus_folder(name, home) / CLOSED
    if not path.is_file():
        raise ConfigError(f"{name!r} is no closed world", hint="fathom corpus add closed --pages 2000 makes one")
    try:
        return ClosedConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(path, "corrupt", str(error.errors()[0]["msg"])) from None


def closed_knowledge(name: str, home: Path) -> KnowledgeBase:
    """The ground truth of the closed world `name`."""
    return knowledge(closed_config(name, home))


def _reported(config: ClosedConfig, on_progress: Progress) -> Iterator[Document]:
    total = config.pages * (2 if "zh" in config.langs else 1)
    for done, document in enumerate(documents(config)):
        if done % _REPORT_EVERY == 0:
            on_progress("writing pages", done, total)
        yield document
