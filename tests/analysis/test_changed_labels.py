"""The share of changed labels is shown with every level; trials that can never fit have their own stop reason."""

from pathlib import Path

import pytest

from analysis.frames import load
from analysis.statistics.cells import summary
from analysis.statistics.changed_labels import changed_labels, changed_text
from analysis.statistics.effects import effects
from analysis.statistics.slowdowns import slowdowns
from rethink.records.run_record import LabelFacts
from tests.analysis.made_runs import make_run, record, spec, write_attempt

LEVELS = (0.0, 0.2)
SPECS = [spec(label_corruption=level, seed=seed, max_epochs=3) for level in LEVELS for seed in (0, 1)]
CHANGED = {0.0: (0.0, 0.0), 0.2: (0.149, 0.191)}


@pytest.fixture
def trials(tmp_path: Path):  # type: ignore[no-untyped-def]
    """The last one's training set has equal images with unequal labels; no trial fits within its three epochs."""
    facts = {
        one.spec_id: LabelFacts(
            changed=CHANGED[one.label_corruption][one.seed], attainable_accuracy=0.9995 if one is SPECS[-1] else 1.0
        )
        for one in SPECS
    }
    run = make_run(tmp_path / "made", SPECS, labels=facts)
    for one in SPECS:
        write_attempt(run, one, [record(epoch) for epoch in (1, 2, 3)])
    return load(run.root).trials


def test_mean_and_span_stand_in_cells_and_slowdowns_and_effects(trials) -> None:  # type: ignore[no-untyped-def]
    for table in (summary(trials), slowdowns(trials)):
        row = table[table["label_corruption"] == 0.2].iloc[0]
        assert row["labels_changed_mean"] == pytest.approx(0.17)
        assert (row["labels_changed_min"], row["labels_changed_max"]) == (0.149, 0.191)
        assert changed_text(row) == "17.0 [14.9-19.1]"
    assert "labels_changed_mean" in effects(trials)
    assert trials["labels_changed"].tolist() == [0.0, 0.0, 0.149, 0.191]


def test_a_trial_that_can_never_fit_ends_by_contradiction_and_stays_at_risk(trials) -> None:  # type: ignore[no-untyped-def]
    assert trials["stop_reason"].tolist() == ["max_epochs"] * 3 + ["contradiction"]
    assert trials["status"].tolist() == ["censored"] * 4
    cell = summary(trials)[summary(trials)["label_corruption"] == 0.2].iloc[0]
    assert (cell["n"], cell["censored"], cell["contradicted"], cell["diverged"]) == (2, 2, 1, 0)
    assert cell["restricted_mean"] == 3


def test_without_all_shares_there_is_no_mean() -> None:
    assert set(changed_labels([0.1, None]).values()) == {None}
    assert set(changed_labels([]).values()) == {None}
    assert changed_text(changed_labels([0.1, None])) == "—"
    assert changed_text(changed_labels([0.25])) == "25.0"
