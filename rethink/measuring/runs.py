"""`rethink measure`: every measure that the finished trials of runs lack."""

import warnings
from collections.abc import Callable, Iterator, Sequence

from rethink import models
from rethink.data import sources
from rethink.data.places import DataPlaces
from rethink.errors import RethinkError, SpecError
from rethink.measuring.finished_trial import lacking
from rethink.measuring.processes import Task, complete_all
from rethink.records.run_directory import RunDirectory
from rethink.trial.settings import TrialSettings


def measure_runs(
    runs: Sequence[RunDirectory], places: DataPlaces | None, processes: int, tell: Callable[[str], None]
) -> bool:
    """Measure what finished trials lack, from their final checkpoints; each trial's file is written as it is done.

    Args:
        runs: Finished ones, or running: trials without an end are left out.
        places: Where data sets lie; none: where each run had them.
        processes: Trials measured side by side.
        tell: Takes a line for every trial.

    Returns:
        Whether all that was lacking could be measured.

    Raises:
        SpecError: A model or data set is not known here.
        RunError: A run.json is damaged.
    """
    tasks = [task for run in runs for task in _tasks(run, places, processes)]
    if not tasks:
        tell("no finished trial lacks a measure")
        return True
    failed = 0
    done = complete_all(tasks, processes)
    try:
        for number, (task, problem) in enumerate(done, start=1):
            failed += problem is not None
            what = f"measured {len(task.lacks.names)}" if problem is None else f"failed ({problem})"
            tell(f"{number:>{len(str(len(tasks)))}}/{len(tasks)}  {task.lacks.spec.name}: {what}")
    finally:
        done.close()
    return not failed


def _tasks(run: RunDirectory, places: DataPlaces | None, processes: int) -> Iterator[Task]:
    record = run.read_run()
    outcomes = run.results({spec.spec_id for spec in record.specs}).outcomes
    settings = TrialSettings(
        run=run.root,
        data_sha256={name: data.content_sha256 for name, data in record.data.items()},
        places=record.options.places if places is None else places,
        sharing=processes,
    )
    for spec in record.specs:
        outcome = outcomes.get(spec.spec_id)
        lacks = lacking(run, spec, is_given_up=outcome is not None and outcome.stop_reason == "scheduler")
        if lacks is None:
            continue
        try:
            models.get(spec.model), sources.get(spec.dataset)
        except RethinkError as error:
            raise SpecError(f"{run.root}: {error}") from None
        if not run.checkpoint(spec.spec_id).exists():
            warnings.warn(f"{run.checkpoint(spec.spec_id)} is gone: {spec.name} cannot be measured", stacklevel=2)
            continue
        yield Task(settings, lacks)
