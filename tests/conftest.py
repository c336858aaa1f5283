"""Fixtures every test may ask for."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from tests import network_guard

from fathom.core.config import Environment, torch_defaults

# Before any test imports torch: with threads that spin while they wait two test workers take 20 times as long, and on
# Intel processors what a batch gives would depend on its size.
torch_defaults()
network_guard.install()
network_guard.install_in_children()

REPOSITORY = Path(__file__).resolve().parent.parent

# On a busy machine a slow example says nothing; pytest-timeout catches those that hang.
hypothesis.settings.register_profile("fathom", deadline=None)
hypothesis.settings.load_profile("fathom")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data sets beside the checkout. It is no part of the repository, so tests on it may be skipped."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("there is no ../shared/data beside this checkout")
    return folder


@pytest.fixture(scope="session")
def fathom_home() -> Path:
    """Where models and the packaged corpus are kept between test runs, fetched by `make assets`: FATHOM_HOME, as `make`
    sets it, else `.fathom` in the checkout. Tests write runs and corpora of their own under `tmp_path`."""
    if "FATHOM_HOME" not in os.environ:
        return REPOSITORY / ".fathom"
    return Environment.read().home


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where the system has one, for tests that would sync a disk thousands of times."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="fathom-test-") as folder:
        yield Path(folder)
