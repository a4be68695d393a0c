"""Networks in a grid, settings by replicates: whatever is compared, it is known in what two of them differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.schema.columns import SPEC
from rethink.errors import SpecError
from rethink.spec import LIMITS, SEEDS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# Fields that decide when a trial ends and what is measured, not what its network is at a given moment.
_NO_HYPERPARAMETERS = {
    *SEEDS,
    *LIMITS,
    *("stop_loss", "epochs_after_fit", "test_every", "evaluate_steps", "train_eval_samples"),
}
_KEY = ["run", "spec_id"]


@dataclass(frozen=True)
class Networks:
    """Networks at one moment of training: H settings of the hyperparameters by R replicates.

    A setting is one value of each hyperparameter that varies; a replicate is one value of all seeds.

    Args:
        settings: One row per setting, one column per hyperparameter.
        gap: Generalization gaps, (H, R); NaN where there is no such network.
        test_images: Images of the test set behind each gap, (H, R).
        train_images: Images of the training set, (H, R); NaN where the whole data set was taken.
        measures: Values by measure, (H, R); NaN where there is none.
    """

    settings: pd.DataFrame
    gap: Floats
    test_images: Floats
    train_images: Floats
    measures: Mapping[str, Floats]

    @property
    def replicates(self) -> int:
        return int(self.gap.shape[1])

    @property
    def hyperparameters(self) -> list[str]:
        return [str(name) for name in self.settings.columns]

    @cached_property
    def codes(self) -> Ints:
        """(H, hyperparameters): the number of each value among its hyperparameter's."""
        columns = [pd.factorize(self.settings[name], use_na_sentinel=False)[0] for name in self.settings]
        return np.stack(columns, axis=1) if columns else np.zeros((len(self.settings), 0), np.int64)

    def equal_in(self, names: Sequence[str]) -> Ints:
        """(H,): a number for each setting, the same for those that are equal in these hyperparameters."""
        columns = [self.hyperparameters.index(name) for name in names]
        return np.unique(self.codes[:, columns], axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def sets_of_hyperparameters(self, most: int) -> list[tuple[str, ...]]:
        """Every set of at most so many hyperparameters, the empty one first."""
        return [chosen for size in range(most + 1) for chosen in combinations(self.hyperparameters, size)]


def networks_at(measures: pd.DataFrame, moment: str) -> Networks | None:
    """The networks that were measured at a moment; None if there are fewer than two with a known gap.

    Args:
        measures: `load(...).measures`, or some of its rows.
        moment: fit, loss or end.

    Raises:
        SpecError: Two trials are the same network: they differ in no hyperparameter and in no seed.
    """
    rows = measures[(measures["moment"] == moment) & measures["gap"].notna()]
    trial = rows.groupby(_KEY, observed=True, sort=False).ngroup().to_numpy()
    firsts = np.unique(trial, return_index=True)[1]
    trials = rows.iloc[firsts].reset_index(drop=True)
    if len(trials) < 2:
        return None
    names = hyperparameters_of(trials)
    setting, replicate = _numbers(trials, names), _numbers(trials, SEEDS)
    _check_distinct(trials, setting, replicate)
    shape = (int(setting.max()) + 1, int(replicate.max()) + 1)
    place = setting * shape[1] + replicate  # of each trial in the grid
    settings = trials.iloc[np.unique(setting, return_index=True)[1]][names].reset_index(drop=True)
    values = {
        str(name): _grid(rows["value"].iloc[own], place[trial[own]], shape)
        for name, own in rows.groupby("measure", observed=True).indices.items()
    }
    gap, test_images, train_images = (
        _grid(trials[name], place, shape) for name in ("gap", "test_images", "train_samples")
    )
    return Networks(settings, gap, test_images, train_images, values)


def hyperparameters_of(trials: pd.DataFrame) -> list[str]:
    """The spec columns in which these trials differ, but for seeds, and what decides only when a trial ends."""
    names = (column.name for column in SPEC if column.name not in _NO_HYPERPARAMETERS)
    return [name for name in names if len(trials[name].unique()) > 1]


def _grid(values: "pd.Series[float]", place: Ints, shape: tuple[int, int]) -> Floats:
    filled = np.full(shape, np.nan)
    filled.flat[place] = values.to_numpy(np.float64, na_value=np.nan)
    return filled


def _numbers(trials: pd.DataFrame, names: Sequence[str]) -> Ints:
    """For each trial, the number of its values of these columns, from 0."""
    if not names:
        return np.zeros(len(trials), np.int64)
    return np.array(trials.groupby(list(names), observed=True, dropna=False).ngroup(), np.int64)


def _check_distinct(trials: pd.DataFrame, setting: Ints, replicate: Ints) -> None:
    places = list(zip(setting, replicate, strict=True))
    first: dict[tuple[int, int], int] = {}
    for number, place in enumerate(places):
        if first.setdefault(place, number) != number:
            told = [f"{trials['spec_id'][at]} of {trials['run'][at]}" for at in (first[place], number)]
            raise SpecError(f"trials {told[0]} and {told[1]} are one network twice: rank their runs apart")
