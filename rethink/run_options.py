"""RunOptions: where and how fast trials run; nothing that a result depends on, but for the threads' rounding."""

from dataclasses import dataclass
from pathlib import Path

from rethink.data.betons.writing.options import Writing, usable_cpus
from rethink.data.places import DataPlaces
from rethink.errors import SpecError
from rethink.spec import shown

LEAST_SHARE = 0.0001  # of a CPU or GPU, for Ray
BOUNDS = {
    "cpus_per_trial": (LEAST_SHARE, 10_000),
    "gpus_per_trial": (0, 1),
    "report_seconds": (0, 1_000_000),
    "checkpoint_seconds": (0, 1_000_000),
    "max_failures": (0, 1_000_000),
}
REASONS = {"gpus_per_trial": ", as a trial trains on one GPU"}


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
        Writing(self.writers, self.skip_broken)
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:  # nan is neither
                reason = REASONS.get(name, "")
                raise SpecError(f"{name} = {shown(value)} is not allowed: from {least} to {most}{reason}")
        for name in ("cpus_per_trial", "gpus_per_trial"):
            share = getattr(self, name)
            if round(share, 4) != share:
                raise SpecError(f"{name} = {share} is not allowed: Ray shares out multiples of {LEAST_SHARE}")

    @property
    def places(self) -> DataPlaces:
        return DataPlaces(self.data_dir, self.cache_dir, Writing(self.writers, self.skip_broken))
