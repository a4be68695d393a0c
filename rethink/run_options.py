"""RunOptions: where and how fast trials run; nothing that a result depends on, but for the threads' rounding."""

import re
from dataclasses import dataclass
from pathlib import Path

from rethink.data.betons.writing.options import Writing, usable_cpus
from rethink.data.places import DataPlaces
from rethink.errors import SpecError
from rethink.spec.fields import Limits, check_allowed, field, fix_types, require

LEAST_SHARE = 0.0001  # of a CPU or GPU, for Ray
CPUS = Limits(LEAST_SHARE, 10_000)
GPUS = Limits(0, 1, note=", as a trial trains on one GPU")
_TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
AMOUNT = Limits(0, 1_000_000)  # of seconds or restarts


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """One field for each option of the command line, whose help it has.

    Raises:
        SpecError: A value is of another type or out of range, or no folder of this machine.
    """

    data_dir: Path | None = field(None, "folder with the data set's files, for sources that are not embedded")
    cache_dir: Path | None = field(None, "folder of the prepared data sets (default: the user's cache folder)")
    writers: int = field(
        usable_cpus(), "processes that read and check JPEG images when a data set is prepared (default: one a CPU)"
    )
    skip_broken: bool = field(
        False, "leave out image files that cannot be read, and list them, instead of ending (default: off)"
    )
    os_cache: bool = field(
        True, "off: leave nothing of a data set in memory, for one that is larger than that (default: on)"
    )
    resident_memory: float | None = field(
        None,
        "memory of each machine, or with --gpus-per-trial of each GPU, for the images that its trials keep, all "
        "together, GiB; 0: none, images are read again in every epoch (default: a quarter of it)",
        AMOUNT,
    )
    cpus_per_trial: float = field(  # the default is the same everywhere, as equal results need equal threads
        1.0, "CPUs, and threads, of one trial (default: 1; another number of threads rounds otherwise)", CPUS
    )
    gpus_per_trial: float = field(
        0.0, "GPU of one trial, at most 1; 0.5: two trials share one (default: 0, train on the CPU)", GPUS
    )
    ray_address: str | None = field(
        None,
        "'local': a Ray of this run's own; 'auto' or an address: a running cluster (default: what RAY_ADDRESS says, "
        "else local)",
    )
    report_seconds: float | None = field(
        None,
        "least time between two reports of a trial to the controller (default: 1, more where hundreds of trials run at "
        "once)",
        AMOUNT,
    )
    checkpoint_seconds: float | None = field(
        None, "least time between two checkpoints of a trial (default: 30, more if one takes over 1.5)", AMOUNT
    )
    max_failures: int = field(
        3,
        "restarts of a trial, without progress in between, before it counts as failed (default: 3; an error of its own "
        "code, which a restart would not cure, counts at once)",
        AMOUNT,
    )
    fail_fast: bool = field(
        False, "end the sweep at its first failed trial; `rethink resume` goes on with the rest (default: off)"
    )
    time_budget: str | None = field(
        None,
        "time after which the sweep ends, such as 45m or 2h; trials that cannot end in it are not started; `rethink "
        "resume` goes on with the rest, for as long again (default: none)",
    )
    other_code: bool = field(
        False,
        "let a run that grows, or --reuse, mix trials of this code with those of another version (default: off)",
    )

    def __post_init__(self) -> None:
        fix_types(self)
        Writing(self.writers, self.skip_broken)
        check_allowed(self)
        _ = self.budget_seconds
        for name in ("cpus_per_trial", "gpus_per_trial"):
            share = getattr(self, name)
            if round(share, 4) != share:
                raise SpecError(f"{name} = {share} is not allowed: Ray shares out multiples of {LEAST_SHARE}")

    @property
    def budget_seconds(self) -> float | None:
        """The time budget, s; none: there is none. Raises SpecError for what is no time."""
        text = self.time_budget
        if text is None:
            return None
        found = _TIME.fullmatch(text)
        require(found is not None and float(found[1]) > 0, "time_budget", text, "a number and s, m or h, such as 2h")
        assert found is not None
        return float(found[1]) * _SECONDS[found[2]]

    @property
    def places(self) -> DataPlaces:
        """Where data sets lie, and how they are written."""
        return DataPlaces(self.data_dir, self.cache_dir, Writing(self.writers, self.skip_broken))
