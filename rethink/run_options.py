"""RunOptions: where and how fast trials run; nothing that a result depends on, but for the threads' rounding."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rethink.data.for_spec import DataPlaces
from rethink.data.writing import Writing, usable_cpus
from rethink.spec import SpecError


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """One field for each option of the command line."""

    data_dir: Path | None = None
    cache_dir: Path | None = None
    writers: int = usable_cpus()
    skip_broken: bool = False
    os_cache: bool = True
    cpus_per_trial: float = 1.0  # also its threads: more of them round otherwise, so the default is the same everywhere
    gpus_per_trial: float = 0.0
    ray_address: str | None = None  # "local": a Ray of this run's own; an address: a cluster; None: as RAY_ADDRESS says
    report_seconds: float | None = None  # None: 1, and more where hundreds of trials run at once
    checkpoint_seconds: float | None = None  # None: 30, and more where checkpoints are slow
    max_failures: int = 3  # restarts of one trial without progress in between, before it counts as failed

    def __post_init__(self) -> None:
        """Raises SpecError for a number out of range."""
        if not self.cpus_per_trial > 0:
            raise SpecError(f"cpus_per_trial = {self.cpus_per_trial:g} is not allowed: above 0")
        Writing(self.writers, self.skip_broken)
        if self.gpus_per_trial > 1:
            raise SpecError(f"gpus_per_trial = {self.gpus_per_trial:g} is not allowed: a trial trains on one GPU")
        for name in ("gpus_per_trial", "report_seconds", "checkpoint_seconds", "max_failures"):
            if getattr(self, name) is not None and not getattr(self, name) >= 0:
                raise SpecError(f"{name} = {getattr(self, name):g} is not allowed: 0 or more")

    @property
    def places(self) -> DataPlaces:
        return DataPlaces(self.data_dir, self.cache_dir, Writing(self.writers, self.skip_broken))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, field by field."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}

    @classmethod
    def restored(cls, recorded: Mapping[str, Any]) -> "RunOptions":
        """The inverse of to_dict."""
        paths = {key: Path(value) for key, value in recorded.items() if key.endswith("_dir") and value is not None}
        return cls(**{**recorded, **paths})
