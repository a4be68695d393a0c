"""Published numbers to compare with: each CSV file of this folder names its source in its first line."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class PublishedTable:
    """A published table, in the units of its source, and its source with the scale of the measurement."""

    source: str
    table: pd.DataFrame


def read(name: str) -> PublishedTable:
    """The published table of analysis/published/<name>.csv."""
    path = _FOLDER / f"{name}.csv"
    with path.open(encoding="utf-8") as file:
        source = file.readline().removeprefix("#").strip()
        return PublishedTable(source, pd.read_csv(file))
