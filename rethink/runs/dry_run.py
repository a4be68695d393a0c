"""What a start would do, without Ray and without writing: its trials, what is there, the time and disk they need."""

import dataclasses
import errno
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from rethink.data.betons.beton import PreparedData
from rethink.data.betons.writing.options import usable_cpus
from rethink.data.for_spec import is_prepared_for
from rethink.errors import SpecError
from rethink.records.run_directory import RunDirectory
from rethink.run_options import RunOptions
from rethink.runs.display.cell_table import cell_names, minutes
from rethink.runs.expected import Cost, announced, expected_costs
from rethink.runs.growth import Growth
from rethink.runs.new_run import check_free, check_name
from rethink.runs.preparation import default_name, prepare_all
from rethink.runs.resumption import is_finished
from rethink.runs.reuse import Reuse
from rethink.runs.start_and_resume import check_startable
from rethink.spec import SEEDS, TrialSpec
from rethink.sweep.sweep import Sweep


def dry_run(
    sweep: Sweep,
    variant: str,
    specs: Sequence[TrialSpec],
    storage: Path,
    name: str | None,
    options: RunOptions,
    reused: Sequence[RunDirectory],
    console: Console,
) -> None:
    """Say what `start` would do with the same arguments.

    Raises:
        RethinkError: What `start` would raise, but for what only a Ray or images not yet prepared can show.
    """
    check_startable(sweep, specs, options)
    name = default_name(sweep, variant) if name is None else name
    check_name(name)
    run = RunDirectory(storage / name)
    growth = Growth.of(run, sweep, variant, specs, options) if os.path.isfile(run.run_file) else None
    if growth is None:
        _check_writable(storage)
        check_free(run.root)  # after the check of the storage: a name may be too long for it
    reuse = Reuse.of(reused, growth.added if growth else specs, options)
    left = _left(run, growth, specs)
    taken = {trial.spec.spec_id for trial in reuse.found}
    trained = [spec for spec in left if spec.spec_id not in taken]
    prepared, unprepared = _prepared(specs, options)
    if growth is not None:
        growth.check_data(prepared)
    costs = expected_costs([spec for spec in trained if spec.stored_data in prepared], prepared, options)
    slots = max(1, int(_units(options) / (options.gpus_per_trial or options.cpus_per_trial)))
    if trained:
        console.print(_table(trained, costs), highlight=False)
    for line in (
        *(growth.lines() if growth else ()),
        *([f"taken over   {len(taken):,} finished trials"] if taken else ()),
        *([f"took         {sweep.took[variant]}"] if _is_as_written(sweep, variant, specs) else ()),
        *(announced(run, trained, costs, options, slots) if trained else ["trials       none is left to train"]),
        *(f"images       {stored}: they are read, and checked, when the run starts" for stored in unprepared),
    ):
        console.print(line, highlight=False, soft_wrap=True)


def _is_as_written(sweep: Sweep, variant: str, specs: Sequence[TrialSpec]) -> bool:
    return variant in sweep.took and [*specs] == sweep.specs(variant, {})


def _units(options: RunOptions) -> int:
    return torch.cuda.device_count() if options.gpus_per_trial else usable_cpus()


def _left(run: RunDirectory, growth: Growth | None, specs: Sequence[TrialSpec]) -> list[TrialSpec]:
    if growth is None:
        return [*specs]
    asked = growth.united()
    outcomes = run.results({spec.spec_id for spec in asked}).outcomes
    return [spec for spec in asked if not is_finished(run, spec, outcomes)]


def _check_writable(storage: Path) -> None:
    there = next(folder for folder in (storage, *storage.parents) if os.path.exists(folder))
    try:
        os.close(os.open(there, os.O_TMPFILE | os.O_WRONLY))  # a file without a name, which is gone at once
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:  # of the file system: a start will see
            raise SpecError(f"storage {storage} cannot be written: {error.strerror}") from None


def _prepared(specs: Sequence[TrialSpec], options: RunOptions) -> tuple[dict[str, PreparedData], list[str]]:
    """The data sets as a start prepares them, and the names of those that would take long.

    What the cache lacks is written to a folder that goes again, but for JPEG images, whose preparation may take hours.
    """
    missing = {spec.stored_data: spec for spec in specs if not is_prepared_for(spec, options.places)}
    jpeg = [stored for stored, spec in missing.items() if spec.jpeg_quality is not None]
    found = prepare_all([spec for spec in specs if spec.stored_data not in missing], options, None)
    others = [spec for spec in specs if spec.stored_data in missing and spec.stored_data not in jpeg]
    if others:
        with tempfile.TemporaryDirectory() as folder:
            found |= prepare_all(others, dataclasses.replace(options, cache_dir=Path(folder)), None)
    return found, jpeg


def _table(specs: Sequence[TrialSpec], costs: Mapping[TrialSpec, Cost]) -> Table:
    """A line a cell: its trials, and the expected time of each."""
    table = Table()
    for head, justify in (("cell", "left"), ("trials", "right"), ("each about", "right"), ("at most", "right")):
        table.add_column(head, justify=justify)  # type: ignore[arg-type]
    cells: dict[object, list[TrialSpec]] = {}
    for spec in specs:
        cells.setdefault(spec.fields_except(SEEDS), []).append(spec)
    names = cell_names(specs) if specs else {}
    for own in cells.values():
        cost = costs.get(own[0])
        times = (minutes(cost.seconds), minutes(cost.most_seconds)) if cost else ("?", "?")
        table.add_row(names[own[0]], f"{len(own):,}", *times)
    return table
