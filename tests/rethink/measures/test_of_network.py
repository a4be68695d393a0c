"""Every measure of the registry is computed, and what is undefined is null."""

import math

import pytest
import torch
from torch import nn

from rethink.measures.of_network import EXPENSIVE, NetworkMeasures, undefined
from rethink.measures.outputs import OutputCollector, Outputs
from rethink.measures.speed import speed_measures
from rethink.records.measures.registry import MEASURES, NAMES, QUICK
from tests.rethink.measures.networks import two_layers

SHAPE = (12, 1, 1)
ROWS = [{"steps": 10 * n, "train_loss": loss} for n, loss in enumerate([1.0, None, 0.1, 0.05, 0.01, 0.2, 0.001], 1)]
IMAGES = torch.randn(30, *SHAPE, generator=torch.Generator().manual_seed(0))


def outputs_of(network: nn.Module, *, right: bool) -> Outputs:
    collector = OutputCollector()
    with torch.no_grad():
        logits = network(IMAGES)
    collector(logits, logits.argmax(1) if right else logits.argmin(1))
    return collector.outputs()


def test_the_registry_names_each_measure_once() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 25
    assert set(QUICK) | set(EXPENSIVE) == set(NAMES)
    for measure in MEASURES:
        assert measure.name == measure.name.lower()
        assert measure.is_logarithm == measure.name.startswith("log_")


def test_every_quick_measure_of_a_network_that_fits_is_known() -> None:
    network = two_layers(bias=True)
    values = NetworkMeasures(network, two_layers(bias=True, seed=1), SHAPE).quick(outputs_of(network, right=True), ROWS)
    assert tuple(values) == QUICK
    assert None not in values.values()
    assert values["parameters"] == 12 * 7 + 7 + 7 * 4 + 4
    margin = outputs_of(network, right=True).margin
    assert values["inverse_margin"] == pytest.approx(1 / margin**2)


def test_a_network_whose_margin_is_not_above_0_has_no_measure_over_the_margin() -> None:
    network = two_layers()
    values = NetworkMeasures(network, two_layers(seed=1), SHAPE).quick(outputs_of(network, right=False), ROWS)
    over = {name for name in QUICK if "margin" in name or "_main" in name}
    assert {name for name, value in values.items() if value is None} == over


def test_a_network_of_other_layers_has_the_measures_that_need_none() -> None:
    network = nn.Sequential(two_layers(classes=4), nn.LayerNorm(4))
    measures = NetworkMeasures(network, network, SHAPE)
    assert measures.problem == "its 1 (LayerNorm) has weights that no measure knows"
    values = measures.quick(outputs_of(network, right=True), ROWS)
    known = {name for name, value in values.items() if value is not None}
    assert known == {
        *("parameters", "inverse_margin", "train_confidence", "train_entropy", "train_cross_entropy"),
        *("train_calibration_error", "steps_to_loss", "steps_between_losses"),
    }
    batches = [(IMAGES, torch.zeros(30, dtype=torch.int64))]
    assert measures.expensive(batches, batches, 30, torch.device("cpu"), 0) == dict.fromkeys(EXPENSIVE)


def test_every_expensive_measure_is_known_and_fits_the_others() -> None:
    network = two_layers(bias=True)
    labels = network(IMAGES).argmax(1)
    measures = NetworkMeasures(network, two_layers(bias=True, seed=1), SHAPE)
    values = measures.expensive([(IMAGES, labels)], [(IMAGES, labels)], 30, torch.device("cpu"), 0)
    assert tuple(values) == EXPENSIVE
    assert None not in values.values()
    square = sum(float(p.detach().double().square().sum()) for p in network.parameters())
    sigma = values["flatness"] ** -0.5
    assert math.isclose(values["pac_bayes_orig"], square * values["flatness"] / 4 + math.log(30 / sigma) + 10)


def test_speed_is_counted_in_steps_to_the_first_row_below() -> None:
    assert speed_measures(ROWS) == {"steps_to_loss": 30, "steps_between_losses": 20}
    assert speed_measures(ROWS[:4])["steps_to_loss"] == 30
    assert math.isnan(speed_measures(ROWS[:4])["steps_between_losses"])
    assert math.isnan(speed_measures(ROWS[:2])["steps_to_loss"])


def test_a_network_that_diverged_has_nothing() -> None:
    assert undefined() == dict.fromkeys(QUICK)
