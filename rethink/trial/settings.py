"""TrialSettings: what a trial needs beside its spec; no result depends on it."""

from dataclasses import dataclass, field
from pathlib import Path

from rethink.data.places import DataPlaces
from rethink.records.provenance import versions


@dataclass(frozen=True, kw_only=True)
class TrialSettings:
    """What a trial needs and no result depends on, but for the rounding that `device` and `threads` decide."""

    run: Path
    data_sha256: dict[str, str]  # content checksum by stored data: every node must read the same
    versions: dict[str, str] = field(default_factory=versions)  # of code and packages: every node must run the same
    places: DataPlaces = field(default_factory=DataPlaces)
    os_cache: bool = True
    resident_memory: float | None = None  # GiB of the machine, or of each GPU, for images; None: a quarter of it ...
    sharing: int = 1  # ... for so many trials
    device: str = "cpu"
    threads: int = 1
    report_seconds: float = 1.0  # least time between two reports to the controller ...
    report_epochs: frozenset[int] = frozenset()  # ... but in these epochs, at whose ends trials are ranked
    checkpoint_seconds: float | None = None  # least time between two checkpoints; None: see CheckpointClock
