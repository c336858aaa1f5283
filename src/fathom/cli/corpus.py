"""`fathom corpus`: add, list, describe, search and remove corpora."""

import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fathom.core.config import Environment
from fathom.core.errors import ConfigError
from fathom.core.model import canonical_json

if TYPE_CHECKING:
    from fathom.core.assets import Progress
    from fathom.corpus.versions import Manifest

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Add, list, search and remove corpora.")

Name = Annotated[str, typer.Argument(help="Name of the corpus.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_MAX_SHOWN = 20


class SearchMode(StrEnum):
    """How a corpus is searched."""

    lexical = "lexical"
    dense = "dense"
    fused = "fused"


@app.command("add")
def add(
    name: Name,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders: ZIM, MediaWiki XML, HTML, PDF, Office, JSONL, text.")
    ] = None,
    packaged: Annotated[
        list[str] | None, typer.Option("--from", help="A corpus that the package registry ships: vital.")
    ] = None,
    langs: Annotated[
        list[str] | None,
        typer.Option("--lang", help="Language: of --from only this one (repeatable); of files where none is stated."),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of files that state none, best an SPDX id.")] = "",
    link: Annotated[
        bool | None,
        typer.Option("--link/--no-link", help="Link mentions of titles (where no page has links of its own)."),
    ] = None,
    pages: Annotated[
        int | None, typer.Option("--pages", help="Make it a closed world, an invented encyclopaedia of so many pages.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of a closed world: another seed is another world.")] = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of a closed world, as given_names=false; repeatable.")
    ] = None,
    json_: Json = False,
) -> None:
    """Add files or a packaged corpus to a corpus, which is made if there is none.

    A page with the address of one that is there replaces it. What cannot be read is named at the end. With --pages the
    corpus is generated instead: `fathom corpus add closed --pages 2000 --seed 1`.
    """
    if pages is not None:
        given = (f"pages={pages}", f"seed={seed}", f"langs={langs or ['en']}", *(settings or ()))
        _add_closed(name, given, json_, others=bool(paths or packaged or licence or link is not None))
        return
    if settings or seed:
        raise ConfigError("--seed and --set are for closed worlds", hint="add --pages N")
    from fathom.recipes.corpora import CorpusSources, add_corpus

    sources = CorpusSources(
        paths=tuple(paths or ()), packaged=tuple(packaged or ()), langs=tuple(langs or ()), licence=licence, link=link
    )
    with _progress() as on_progress:
        added = add_corpus(name, Environment.read().home, sources, on_progress)
    manifest = added.snapshot.manifest
    added.snapshot.close()
    if json_:
        sys.stdout.write(canonical_json({**_facts(manifest), "problems": list(added.problems)}) + "\n")
    else:
        counts = manifest.counts
        sys.stdout.write(
            f"{name}: {counts.documents:,} documents, {counts.passages:,} passages, {counts.links:,} links\n"
        )
    _tell_problems(added.problems)


def _add_closed(name: str, settings: Sequence[str], json_: bool, *, others: bool) -> None:
    from fathom.core.config import resolve
    from fathom.corpus.closed.knowledge import ClosedConfig
    from fathom.recipes.closed import ensure_closed

    if others:
        raise ConfigError("a closed world takes no files", hint="leave paths, --from, --licence and --link away")
    config = resolve(ClosedConfig(), overrides=settings)
    with _progress() as on_progress:
        snapshot = ensure_closed(name, Environment.read().home, config, on_progress)
    manifest = snapshot.manifest
    snapshot.close()
    if json_:
        sys.stdout.write(canonical_json(_facts(manifest)) + "\n")
    else:
        counts = manifest.counts
        sys.stdout.write(
            f"{name}: {counts.documents:,} documents, {counts.passages:,} passages, {counts.links:,} links\n"
        )


@app.command("list")
def list_(json_: Json = False) -> None:
    """List the corpora."""
    from fathom.recipes.corpora import list_corpora

    manifests, problems = list_corpora(Environment.read().home)
    if json_:
        sys.stdout.write(canonical_json([_facts(manifest) for manifest in manifests]) + "\n")
    else:
        width = max((len(manifest.name) for manifest in manifests), default=0)
        for manifest in manifests:
            counts = manifest.counts
            langs = ", ".join(lang or "?" for lang in counts.languages)
            sys.stdout.write(f"{manifest.name:<{width}}  {counts.documents:>9,} documents  {langs}\n")
        if not manifests:
            sys.stderr.write("there is no corpus yet; fathom corpus add NAME PATH makes one\n")
    _tell_problems(problems)


@app.command("info")
def info(name: Name, json_: Json = False) -> None:
    """Tell what a corpus holds, where it came from and under which licences."""
    from fathom.recipes.corpora import open_corpus

    snapshot = open_corpus(name, Environment.read().home)
    facts = _facts(snapshot.manifest) | {"folder": str(snapshot.folder)}
    problems = snapshot.manifest.problems
    snapshot.close()
    if json_:
        sys.stdout.write(canonical_json({**facts, "problems": list(problems)}) + "\n")
        return
    for key, value in facts.items():
        if isinstance(value, Mapping):
            sys.stdout.write(f"{key}:\n")
            for part, count in value.items():
                shown = f"{count:>11,}" if isinstance(count, int) else f"{count:>11}"
                sys.stdout.write(f"{shown}  {part or '(not stated)'}\n")
        else:
            sys.stdout.write(f"{key}: {f'{value:,}' if isinstance(value, int) else value}\n")
    _tell_problems(problems)


@app.command("search")
def search(
    name: Name,
    query: Annotated[list[str], typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="Passages to show.")] = 5,
    mode: Annotated[
        SearchMode | None, typer.Option(help="How to search (as the corpus is set up; lexical unless it has vectors).")
    ] = None,
    json_: Json = False,
) -> None:
    """Show the passages that fit a query best, with their places in their pages."""
    from fathom.recipes.corpora import open_corpus

    snapshot = open_corpus(name, Environment.read().home)
    matches = snapshot.search(" ".join(query), k, mode.value if mode else None)
    snapshot.close()
    if json_:
        rows = [{**match.passage.model_dump(mode="json"), "score": match.score} for match in matches]
        sys.stdout.write(canonical_json(rows) + "\n")
        return
    for rank, match in enumerate(matches, 1):
        passage = match.passage
        sys.stdout.write(f"{rank}. {passage.title}  [{passage.start}:{passage.end}]\n   {passage.url}\n")
        text = textwrap.fill(" ".join(passage.text.split()), 96, initial_indent="   ", subsequent_indent="   ")
        sys.stdout.write(f"{text}\n\n")
    if not matches:
        sys.stderr.write("nothing matches\n")


@app.command("encode")
def encode(
    name: Name,
    url: Annotated[str, typer.Option(help="Embeddings server, ending in /v1 (MiniLM on this machine).")] = "",
    model: Annotated[str, typer.Option(help="Model of that server.")] = "",
    query_prefix: Annotated[str, typer.Option(help='Put before queries, "query: " for E5.')] = "",
    passage_prefix: Annotated[str, typer.Option(help='Put before passages, "passage: " for E5.')] = "",
    mode: Annotated[SearchMode, typer.Option(help="How the corpus is searched from now on.")] = SearchMode.fused,
    json_: Json = False,
) -> None:
    """Add a vector for each passage to a corpus, so that it can be searched by meaning too.

    MiniLM makes 20 to 40 passages a second on a CPU. When it is stopped, the same command goes on where it was.
    """
    from fathom.corpus.dense import DenseConfig
    from fathom.corpus.encoders import EncoderConfig
    from fathom.corpus.snapshot import add_vectors
    from fathom.recipes.corpora import corpus_folder

    if bool(url) != bool(model):
        raise ConfigError("a server needs both --url and --model")
    encoder = EncoderConfig(
        kind="endpoint" if url else "minilm",
        url=url,
        model=model,
        query_prefix=query_prefix,
        passage_prefix=passage_prefix,
    )
    folder = corpus_folder(name, Environment.read().home)
    with _progress() as on_progress:
        snapshot = add_vectors(folder, DenseConfig(encoder=encoder), on_progress, mode=mode.value)
    snapshot.close()
    passages = snapshot.manifest.counts.passages
    if json_:
        sys.stdout.write(canonical_json({"name": name, "vectors": passages, "mode": mode.value}) + "\n")
    else:
        sys.stdout.write(f"{name}: {passages:,} vectors; searched {mode.value} from now on\n")


@app.command("remove")
def remove(name: Name, json_: Json = False) -> None:
    """Delete a corpus with all its versions."""
    from fathom.recipes.corpora import remove_corpus

    remove_corpus(name, Environment.read().home)
    sys.stdout.write(canonical_json({"removed": name}) + "\n" if json_ else f"removed {name}\n")


def _facts(manifest: "Manifest") -> dict[str, Any]:
    return {
        "name": manifest.name,
        "hash": manifest.hash,
        "bytes": sum(manifest.files.values()),
        **manifest.counts.model_dump(mode="json"),
        "builders": manifest.builders,
    }


def _tell_problems(problems: tuple[str, ...] | list[str]) -> None:
    """One line each, up to a screenful, and how many there are."""
    if not problems:
        return
    for line in problems[:_MAX_SHOWN]:
        sys.stderr.write(f"  {' '.join(line.split())}\n")
    left = len(problems) - _MAX_SHOWN
    more = f"; {left} more are kept with the corpus (fathom corpus info NAME --json)" if left > 0 else ""
    sys.stderr.write(f"{len(problems)} problem{'s' if len(problems) != 1 else ''}{more}\n")


@contextmanager
def _progress() -> Iterator["Progress"]:
    """A line on stderr for each thing that is going on, with a bar where the whole is known."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[count]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def on_progress(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=None, count="")
            count = f"{100 * done / total:.0f} %" if total else f"{done:,}" if done else ""
            bars.update(tasks[label], completed=done, total=total or None, count=count)

        yield on_progress
