"""A small world for tests of tools and agents."""

from pathlib import Path

from fathom.corpus.document import Document, Link
from fathom.corpus.snapshot import build_snapshot
from fathom.world.simulated import SimulatedWorld

NOON = "2026-01-01T12:00:00Z"
PAGES = {
    "Salt Road": "Salt Road is a 1962 drama film directed by Carla Rossi. It was shot on the coast near Ostra.",
    "Carla Rossi": (
        "Carla Rossi (3 May 1921 - 9 June 1999) was a film director. She was born in Turin and died in Ostra."
    ),
    "Ostra": "Ostra is a port on the northern coast. It has 4,200 inhabitants and one lighthouse, built in 1884.",
    "Grey Harbour": "Grey Harbour is a 1971 film directed by Ivo Marek, who was born on 2 July 1930 in Brno.",
}


def small_world(folder: Path) -> SimulatedWorld:
    """Four short pages that link to each other by hand."""
    documents = [
        Document(
            url=f"wiki/{title.replace(' ', '_')}",
            title=title,
            text=text,
            lang="en",
            licence="CC0-1.0",
            links=tuple(
                Link(target=f"wiki/{t.replace(' ', '_')}", anchor=t) for t in PAGES if t != title and t in text
            ),
        )
        for title, text in PAGES.items()
    ]
    return SimulatedWorld(build_snapshot(folder, "small", documents), clock=lambda: NOON)
