"""What runs measured of their networks: the measures frame, from files of trials or from packed runs."""

import warnings
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import pandas as pd

from analysis.reading.packed_run import PackedRun
from analysis.reading.runs import Run
from analysis.schema.columns import MEASURES, MOMENT, OF_NETWORK
from analysis.schema.typed_frames import concatenated, typed_rows
from rethink.files.checked_files import decode_json
from rethink.records.measures.measure_file import MeasuredState, read_measures, rows
from rethink.records.measures.registry import NAMES
from rethink.records.run_directory import RunDirectory

States = tuple[MeasuredState, ...]


def measures_frame(runs: Sequence[Run], trials: pd.DataFrame) -> pd.DataFrame:
    """One row per trial, moment and measure, in the order of the trials.

    A trial without measures has no row. Warns of files that cannot be read.

    Args:
        runs: Those that `trials` is of.
        trials: Their trials frame.
    """
    return concatenated([_of_run(run, trials[trials["run"] == run.name]) for run in runs], MEASURES)


def _of_run(run: Run, trials: pd.DataFrame) -> pd.DataFrame:
    states = states_by_trial(run, trials["spec_id"])
    measured = [rows(states.get(spec_id, ()), NAMES) for spec_id in trials["spec_id"]]
    values = typed_rows([row for own in measured for row in own], MOMENT)
    of_trial = np.repeat(np.arange(len(trials)), [len(own) for own in measured])
    context = trials.loc[:, list(OF_NETWORK)].take(of_trial).reset_index(drop=True)
    return pd.concat([context, values], axis="columns")


def states_by_trial(run: Run, spec_ids: Iterable[str]) -> dict[str, States]:
    """The measured states of these trials of a run; warns of a file that cannot be read."""
    if isinstance(run, PackedRun):
        texts = run.measures()
        return {spec_id: decode_json(texts[spec_id], States) for spec_id in spec_ids if spec_id in texts}
    return {spec_id: _states(run, spec_id) for spec_id in spec_ids}


def encoded_states(run: Run, spec_ids: Iterable[str]) -> dict[str, bytes]:
    """The same as JSON, of the trials that have any."""
    states = states_by_trial(run, spec_ids)
    return {spec_id: msgspec.json.encode(own) for spec_id, own in states.items() if own}


def _states(run: RunDirectory, spec_id: str) -> States:
    path = run.measures_file(spec_id)
    try:
        return read_measures(path, run.run_id, spec_id).states
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        warnings.warn(f"{path}: cannot be read ({reason}), left out; `rethink measure` writes it again", stacklevel=2)
        return ()
