"""Margins and calibration against NumPy, sample by sample."""

import math

import numpy as np
import pytest
import torch

from rethink.measures.outputs import OutputCollector, Outputs, calibration_error

SAMPLES, CLASSES = 57, 5
RANDOM = np.random.default_rng(0)
LOGITS = 3 * RANDOM.normal(size=(SAMPLES, CLASSES))
LABELS = RANDOM.integers(0, CLASSES, SAMPLES)


def collected(batch: int) -> Outputs:
    collector = OutputCollector()
    for start in range(0, SAMPLES, batch):
        part = slice(start, start + batch)
        collector(torch.from_numpy(LOGITS[part]), torch.from_numpy(LABELS[part]))
    return collector.outputs()


@pytest.mark.parametrize("batch", [1, 8, SAMPLES])
def test_every_sample_by_numpy(batch: int) -> None:
    outputs = collected(batch)
    for number, (logits, label) in enumerate(zip(LOGITS, LABELS, strict=True)):
        probabilities = np.exp(logits) / np.exp(logits).sum()
        assert math.isclose(outputs.margins[number], logits[label] - np.delete(logits, label).max())
        assert math.isclose(outputs.losses[number], -np.log(probabilities[label]), rel_tol=1e-9)
        assert math.isclose(outputs.confidences[number], probabilities.max())
        assert math.isclose(outputs.entropies[number], -(probabilities * np.log(probabilities)).sum())
        assert outputs.right[number] == (logits.argmax() == label)
    assert math.isclose(outputs.margin, np.percentile(outputs.margins, 10))


def test_a_certain_prediction_has_no_entropy() -> None:
    collector = OutputCollector()
    collector(torch.tensor([[1e4, 0.0], [0.0, 1e4]]), torch.tensor([0, 0]))
    outputs = collector.outputs()
    assert outputs.entropies.tolist() == [0, 0]
    assert outputs.margins.tolist() == [1e4, -1e4]
    assert outputs.losses.tolist() == [0, 1e4]


def test_equal_logits_are_right_for_the_first_class_alone() -> None:
    collector = OutputCollector()
    collector(torch.zeros(2, 3), torch.tensor([0, 1]))
    assert collector.outputs().right.tolist() == [True, False]


def test_calibration_error_of_made_bins() -> None:
    # 0.99 and 0.95: the last of 15 bins, half of them right. 0.5: a bin of its own, right.
    confidences, right = np.array([0.99, 0.95, 0.5]), np.array([True, False, True])
    assert math.isclose(calibration_error(confidences, right), 2 / 3 * (0.97 - 0.5) + 1 / 3 * (1 - 0.5))


def test_calibration_error_is_that_of_a_loop_over_bins() -> None:
    outputs = collected(SAMPLES)
    error = 0.0
    for low, high in zip(np.arange(15) / 15, np.arange(1, 16) / 15, strict=True):
        inside = (outputs.confidences > low) & (outputs.confidences <= high)
        if inside.any():
            error += inside.mean() * abs(outputs.right[inside].mean() - outputs.confidences[inside].mean())
    assert math.isclose(calibration_error(outputs.confidences, outputs.right), error, rel_tol=1e-12)


def test_calibrated_predictions_have_no_error() -> None:
    assert calibration_error(np.ones(4), np.ones(4, bool)) == 0
    assert calibration_error(np.full(4, 0.75), np.array([True, True, True, False])) == 0
