"""A store of the user's files gives those and no others, whatever it is asked for."""

import asyncio
import os
import unicodedata
from pathlib import Path

import pytest

from fathom.core.budget import Meter
from fathom.core.errors import AccessDeniedError, ConfigError, PageNotFoundError
from fathom.core.events import MemoryJournal
from fathom.core.evidence import Page
from fathom.core.model import content_hash
from fathom.world.files.jail import files_beneath, open_beneath
from fathom.world.files.journaled import JournaledFiles
from fathom.world.files.store import FileStore, FileStoreConfig

NOON = "2026-01-01T12:00:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "given"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (root / "report.txt").write_text("the report")
    (root / "sub" / "Größe.txt").write_text("the size")
    (root / "sub" / "report.txt").write_text("the other report")
    (root / "a#b.txt").write_text("hash in its name")
    (root / ".env").write_text("TOKEN=1")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.txt")
    return root


async def read(store: FileStore, asked: str) -> str:
    return "\n".join(text.page.text for text in (await store.read(asked)).texts)


async def test_only_regular_files_of_the_folder_are_there(folder: Path) -> None:
    store = FileStore([folder])
    assert store.names == ("a#b.txt", "report.txt", "sub/Größe.txt", "sub/report.txt")
    assert await read(store, "report.txt") == "the report"
    await store.close()


@pytest.mark.parametrize(
    "asked",
    ["../secret.txt", "/etc/passwd", "sub/../../secret.txt", "~/secret.txt", "file:/etc/passwd", "..\\secret.txt"],
)
async def test_names_that_lead_out_are_denied(folder: Path, asked: str) -> None:
    with pytest.raises(AccessDeniedError, match="leads out"):
        await FileStore([folder]).read(asked)


@pytest.mark.parametrize("asked", ["out.txt", "up/secret.txt", "pipe.txt", ".env", "sub", "no\0thing", "", "#", "x#y"])
async def test_what_is_not_among_them_is_not_found(folder: Path, asked: str) -> None:
    with pytest.raises(PageNotFoundError, match="there are: a#b"):
        await FileStore([folder]).read(asked)


@pytest.mark.parametrize(
    ("asked", "name", "wanted"),
    [
        ("sub/größe.TXT", "sub/Größe.txt", ""),
        (unicodedata.normalize("NFD", "sub/Größe.txt"), "sub/Größe.txt", ""),
        ("Größe.txt", "sub/Größe.txt", ""),
        (" 'file:report.txt' ", "report.txt", ""),
        ("a#b.txt", "a#b.txt", ""),
        ("a#b.txt#page 3", "a#b.txt", "page 3"),
        ("report.txt#soil # moisture", "report.txt", "soil # moisture"),
    ],
)
async def test_names_are_found_as_people_write_them(folder: Path, asked: str, name: str, wanted: str) -> None:
    store = FileStore([folder])
    reading = await store.read(asked)
    assert (reading.name, reading.wanted) == (name, wanted)
    await store.close()


async def test_files_named_one_by_one_are_found_by_their_names(folder: Path) -> None:
    store = FileStore([folder / "report.txt", folder / "sub" / "report.txt", folder / "out.txt"])
    assert store.names == ("report.txt", "report.txt~2", "out.txt")
    assert await read(store, "report.txt~2") == "the other report"
    assert await read(store, "out.txt") == "secret", "the user may give a link"
    await store.close()


def test_what_cannot_be_given_is_said_at_once(folder: Path) -> None:
    for path in (folder / "nothing.txt", folder / "pipe.txt"):
        with pytest.raises(ConfigError, match="cannot be given"):
            FileStore([path])
    with pytest.raises(ConfigError, match="4 files were given, over the limit of 2"):
        FileStore([folder], FileStoreConfig(files=2))


async def test_a_file_swapped_for_a_link_is_not_followed(folder: Path) -> None:
    store = FileStore([folder])
    (folder / "report.txt").unlink()
    (folder / "report.txt").symlink_to(folder.parent / "secret.txt")
    with pytest.raises(AccessDeniedError, match="may not be read"):
        await store.read("report.txt")
    (folder / "sub").rename(folder / "moved")
    (folder / "sub").symlink_to(folder / "moved")
    with pytest.raises(AccessDeniedError):
        await store.read("sub/report.txt")
    (folder / "a#b.txt").unlink()
    with pytest.raises(PageNotFoundError, match="no longer there"):
        await store.read("a#b.txt")


def test_the_jail_opens_regular_files_below_it_only(folder: Path) -> None:
    for parts in (
        [],
        [".."],
        ["sub", ".."],
        ["sub/report.txt"],
        [""],
        ["out.txt"],
        ["up", "secret.txt"],
        ["pipe.txt"],
        ["sub"],
    ):
        with pytest.raises(OSError):
            os.close(open_beneath(folder, parts))
    before = len(list(Path("/proc/self/fd").iterdir()))
    handle = open_beneath(folder, ["sub", "report.txt"])
    assert os.read(handle, 100) == b"the other report"
    os.close(handle)
    assert list(files_beneath(folder)) and len(list(Path("/proc/self/fd").iterdir())) == before


async def test_a_file_is_read_again_when_it_changed(folder: Path) -> None:
    store = FileStore([folder], clock=lambda: NOON)
    first, same = await store.read("report.txt"), await store.read("report.txt")
    (folder / "report.txt").write_text("another report")
    changed = await store.read("report.txt")
    assert first == same and first.texts[0].page.fetched_at == NOON
    assert changed.texts[0].page.text == "another report"
    assert changed.texts[0].page.text_hash == content_hash("another report")
    await store.close()


async def test_a_cancelled_reader_leaves_nothing_behind(folder: Path) -> None:
    (folder / "big.csv").write_text("a,b\n" + "1,2\n" * 50_000)
    store, others = FileStore([folder]), _parsing_children()
    reading = asyncio.create_task(store.read("big.csv"))
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await store.close()
    assert _parsing_children() <= others


def _parsing_children() -> set[str]:
    # A child belongs to the thread that started it.
    children = " ".join(_read(str(listed)) for listed in Path("/proc/self/task").glob("*/children"))
    return {child for child in children.split() if "fathom.corpus.ingest.child" in _read(f"/proc/{child}/cmdline")}


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


async def test_readings_are_on_record_and_come_back_from_it(folder: Path) -> None:
    store = FileStore([folder], clock=lambda: NOON)
    journal, pages = MemoryJournal(), dict[str, Page]()
    files = JournaledFiles(store, journal, Meter(), pages)
    reading = await files.read("report.txt#words")
    assert reading == await store.read("report.txt#words")
    assert [page.text for page in pages.values()] == ["the report"]
    assert journal.texts == {content_hash("the report"): "the report"}
    assert "the report" not in str(journal.log), "texts are kept beside the log"
    for asked, error in (("nothing.txt", PageNotFoundError), ("/etc/passwd", AccessDeniedError)):
        with pytest.raises(error):
            await files.read(asked)
    assert [body.get("raised") for kind, body in journal.log if kind == "tool_finished"] == [
        None,
        "not_found",
        "denied",
    ]
    await files.close()
