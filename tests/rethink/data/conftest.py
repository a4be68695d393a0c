"""Shared by the tests of data."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def disk_folder() -> Iterator[Path]:
    """A folder on a disk: /tmp may be in memory, where files cannot leave the cache."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)
