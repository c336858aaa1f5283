import asyncio
import json
import mmap
import time
from functools import partial
from pathlib import Path

from fathom.bench import bodies
from fathom.bench.bodies_hostile import replies
from fathom.bench.harness import BenchOptions
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.world.reader.live import LiveReader, LiveReaderConfig
from fathom.world.reader.parser import ParserConfig

PAGE = "<html><body><nav>menu</nav><p>Some <b>bold</b> words</p><p>and <a href=x>more</a>.</p></body></html>"
TRIED = ("brotli bomb", "gzip bomb", "two lengths", "redirect to a file", "picture as html", "charset utf-7", "zip cut")


def test_bodies_are_enough_and_can_be_sent() -> None:
    made = replies()
    assert len(made) >= 100 and set(TRIED) <= set(made)
    assert all(isinstance(reply.head, bytes) for reply in made.values())
    for name in TRIED:
        assert isinstance(next(iter(made[name].pieces()), b""), bytes), name


def test_pages_are_read_from_a_server_of_their_own_and_hostile_bodies_end_in_an_error(tmp_path: Path) -> None:
    path, listed = tmp_path / "page.html", tmp_path / "pages.json"
    path.write_text(PAGE, encoding="utf-8")
    listed.write_text(json.dumps([str(path)]), encoding="utf-8")
    told: list[str] = []
    options = BenchOptions(True, told.append, None, tmp_path, tmp_path)
    config = LiveReaderConfig(timeout_s=5.0, parser=ParserConfig(processes=1))
    reader = LiveReader(EgressClient(EgressConfig(scope="private")), config)

    async def measure(base: str) -> tuple[list[bool], list[bodies._Outcome]]:
        good = await bodies._with(reader, [partial(bodies._is_read_well, options, f"{base}/page/0", path)])
        works = [
            partial(bodies._outcome, options, name, f"{base}/hostile/{name.replace(' ', '%20')}") for name in TRIED
        ]
        return good, await bodies._with(reader, works)

    with bodies.serving(listed) as site:
        good, tried = asyncio.run(measure(f"http://127.0.0.1:{site['ports'][0]}"))
    assert good == [True] and [outcome.name for outcome in tried] == list(TRIED)
    assert not any(outcome.crashed for outcome in tried)
    assert len(told) == len(TRIED) and "garbage" in told[0]


def test_words_are_those_of_paragraphs_outside_of_navigation(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGE, encoding="utf-8")
    assert bodies._words(path) == {"some", "bold", "words", "and", "more"}


def test_growth_is_that_of_the_largest_moment() -> None:
    with bodies._Growth() as growth:
        held = bytearray(b"x") * 60_000_000
        del held
    assert 0 <= growth.mb < 200


def test_growth_is_seen_while_it_lasts() -> None:
    # Pages mapped anew, since an allocation may be served from memory that an earlier test has left resident.
    with bodies._Growth() as growth, mmap.mmap(-1, 60_000_000) as held:
        for at in range(0, len(held), mmap.PAGESIZE):
            held[at] = 1
        time.sleep(0.3)
    assert growth.mb > 30
