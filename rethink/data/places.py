"""DataPlaces: where data sets lie on a machine, and how their betons are written there."""

from dataclasses import dataclass, field
from pathlib import Path

from rethink.data.betons.writing.options import Writing


@dataclass(frozen=True)
class DataPlaces:
    """Folder of the data sets' own files, folder of the betons, and how betons are written; none: the defaults."""

    data_dir: Path | None = None
    cache_dir: Path | None = None
    writing: Writing = field(default_factory=Writing)
