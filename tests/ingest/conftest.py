import pytest

from ingest.source.scratch import Scratch
from tests.ingest.sources import Sleeps


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
def scratch(tmp_path) -> Scratch:
    return Scratch(str(tmp_path / "scratch"))
