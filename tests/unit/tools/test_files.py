"""parse_file shows what matters of the user's files, says what it does not show, and cites exact spans."""

import zipfile
from pathlib import Path

import pytest
from tests.samples import pdf
from tests.worlds import small_world

from fathom.core.errors import ProviderFault, ToolError
from fathom.core.message import ToolCall
from fathom.core.task import Task
from fathom.tools.files import ParseFile, ParseFileConfig, shares
from fathom.tools.protocol import ToolContext, ToolResult
from fathom.tools.toolset import Toolset
from fathom.world.files.protocol import FileReading
from fathom.world.files.store import FileStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "given"
    root.mkdir()
    filler = "\n\n".join(f"Paragraph {n} tells of weather and of harvests in the valley." for n in range(400))
    (root / "long.txt").write_text(f"{filler}\n\nThe lighthouse of Ostra was built in 1884.\n\n{filler}")
    (root / "cities.csv").write_text("city,people\n" + "".join(f"City{n},{n}\n" for n in range(3000)) + "Ostra,4200\n")
    (root / "note.txt").write_text("A short note.")
    (root / "report.pdf").write_bytes(pdf())
    (root / "talk.mp3").write_bytes(b"ID3\x03\0\0")
    with zipfile.ZipFile(root / "all.zip", "w") as archive:
        for n in range(12):
            archive.writestr(f"{n}.txt", f"File {n}." + (" Ostra has a lighthouse." if n == 11 else ""))
    return root


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    return ToolContext(
        task=Task(id="t", question="When was the lighthouse of Ostra built?"), world=small_world(tmp_path / "world")
    )


async def run(folder: Path, context: ToolContext, *names: str, **settings: int) -> ToolResult:
    store = FileStore([folder])
    try:
        tools = Toolset([ParseFile(store, ParseFileConfig(**settings))])
        return await tools.run(ToolCall(id="c", name="parse_file", arguments={"files": list(names)}), context)
    finally:
        await store.close()


async def test_a_long_file_is_shown_by_what_is_nearest_and_says_so(folder: Path, context: ToolContext) -> None:
    result = await run(folder, context, "long.txt", file_chars=2000)
    assert "The lighthouse of Ostra was built in 1884." in result.text and len(result.text) < 2600
    assert "characters are shown, nearest to the question; ask for long.txt#words" in result.text
    text = (folder / "long.txt").read_text()
    assert all(text[item.start : item.end] == item.text and f"[{item.id}] " in result.text for item in context.evidence)
    assert result.urls == ("file:long.txt",) and len(result.evidence) == len(context.evidence)


async def test_words_behind_the_name_are_looked_for_instead(folder: Path, context: ToolContext) -> None:
    result = await run(folder, context, "long.txt#Paragraph 377", file_chars=900)
    assert "nearest to 'Paragraph 377'" in result.text and "Paragraph 377 tells" in result.text
    assert "1884" not in result.text


async def test_a_long_table_shows_its_overview_and_the_rows_that_matter(folder: Path, context: ToolContext) -> None:
    result = await run(folder, context, "cities.csv", file_chars=2400)
    assert "Columns: city (text), people (integer)" in result.text
    assert "| Ostra | 4200 |" in result.text and result.text.count("| city | people |") >= 2


async def test_pages_are_named_and_can_be_asked_for(folder: Path, context: ToolContext) -> None:
    whole = await run(folder, context, "report.pdf")
    assert "pages, " in whole.text and "(page 2) " in whole.text
    second = await run(folder, context, "report.pdf#page 2")
    assert (
        "(page 2) " in second.text and "(page 1) " not in second.text and "ask for report.pdf#page 2 or" in second.text
    )
    assert "(there is no such part)" in (await run(folder, context, "report.pdf#pages 90-99")).text


async def test_of_many_files_those_that_matter_are_shown_and_the_others_named(
    folder: Path, context: ToolContext
) -> None:
    result = await run(folder, context, "all.zip", max_texts=3)
    assert "all.zip#11.txt" in result.urls[-1] and "Ostra has a lighthouse" in result.text
    assert "Not shown, more than 3 files in one call: all.zip#2.txt; all.zip#3.txt" in result.text
    one = await run(folder, context, "all.zip#7.txt")
    assert one.urls == ("file:all.zip#7.txt",) and "File 7." in one.text


async def test_one_failure_does_not_spoil_the_others(folder: Path, context: ToolContext) -> None:
    result = await run(folder, context, "talk.mp3", "note.txt", "../x", "none.txt", "a", max_files=4)
    assert "A short note." in result.text
    assert "talk.mp3 cannot be read: audio and video are not supported here." in result.text
    assert (
        "Refused: '../x' leads out" in result.text and "There is no file 'none.txt'; there are: all.zip" in result.text
    )
    assert "Left out, more than 4 names in one call: a" in result.text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("talk.mp3", "unsupported"), ("none.txt", "not_found"), ("/etc/passwd", "denied"), (" ", "arguments")],
)
async def test_a_call_that_shows_nothing_is_an_error_of_its_kind(
    folder: Path, context: ToolContext, name: str, kind: str
) -> None:
    with pytest.raises(ToolError) as caught:
        await run(folder, context, name)
    assert caught.value.kind == kind


class BrokenFiles:
    """Files on a disk that failed."""

    async def read(self, asked: str) -> FileReading:
        raise ProviderFault("files: /dev/sda: input/output error")

    async def close(self) -> None:
        return None


async def test_a_machine_that_fails_is_no_word_about_the_file(context: ToolContext) -> None:
    with pytest.raises(ToolError, match="says nothing about what is in it") as caught:
        await ParseFile(BrokenFiles()).run({"files": ["a"]}, context)
    assert caught.value.kind == "upstream" and "sda" not in str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "rooms"),
    [([], []), ([5], [5]), ([50], [30]), ([5, 50, 50], [5, 22, 23]), ([50, 50], [25, 25]), ([90, 3, 3], [30, 3, 3])],
)
def test_room_is_shared_out_fairly(sizes: list[int], rooms: list[int]) -> None:
    assert shares(sizes, each=30, total=50) == rooms
