"""Shared by the tests of data."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def disk_folder() -> Iterator[Path]:
    """On a disk: /tmp may be in memory, where every file stays."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)
