"""A sweep from Python: run it, follow it, and have its frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.frames import Frames, load
from rethink.errors import SpecError
from rethink.run_options import RunOptions
from rethink.runs.new_run import storage_folder
from rethink.runs.start_and_resume import start
from rethink.spec import shown
from rethink.sweep.sweep import Sweep, check_sweep


def run(
    sweep: Sweep,
    variant: str = "default",
    *,
    storage: str | Path | None = None,
    name: str | None = None,
    options: RunOptions | None = None,
    **fields: Any,
) -> Frames:
    """Run a sweep as `rethink run` does, with the same live table or lines, and return what it measured.

    A process may run any number of sweeps, one after another; they share one Ray, which ends with the process.

    Args:
        sweep: What to run, such as `sweeps.label_corruption.SWEEP`.
        variant: A name among the sweep's variants.
        storage: Folder of the runs; none: the one that RETHINK_STORAGE names, else `runs`.
        name: Name of the run directory; none: sweep, variant and time.
        options: Where and how it runs; none: as `rethink run` without options.
        fields: Values of TrialSpec's fields, `protocol` or `replicate`, one or a list each, which replace the sweep's.

    Returns:
        The frames of this run: one row per trial, and one per trial and evaluation.

    Raises:
        RethinkError: A value that no trial can run with, data that cannot be read, a Ray that cannot be started.
    """
    check_sweep(sweep)
    if options is not None and not isinstance(options, RunOptions):
        raise SpecError(f"options = {shown(options)} is not allowed: rethink.run_options.RunOptions, or none")
    overrides = {field: _values(value) for field, value in fields.items()}
    specs = sweep.specs(variant, overrides)
    return load(start(sweep, variant, specs, storage_folder(storage), name, options or RunOptions()).root)


def _values(value: Any) -> Sequence[Any]:
    return list(value) if isinstance(value, list | tuple | range) else [value]
