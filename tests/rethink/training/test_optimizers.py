"""The optimizers against their formulas, computed here in NumPy."""

import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from rethink.sweep.recipes import complete
from rethink.training.optimizers import TensorFlowRMSprop, make_optimizer

Array = npt.NDArray[np.float64]


def tensorflow_rmsprop(
    weight: Array, gradients: list[Array], rates: list[float], momentum: float, decay: float
) -> Array:
    """tf.train.RMSPropOptimizer(rate, decay=0.9, momentum, epsilon=1) with an L2 penalty: its documented update."""
    mean_square, step = np.ones_like(weight), np.zeros_like(weight)
    for gradient, rate in zip(gradients, rates, strict=True):
        whole = gradient + decay * weight
        mean_square = 0.9 * mean_square + 0.1 * whole**2
        step = momentum * step + rate * whole / np.sqrt(mean_square + 1.0)
        weight = weight - step
    return weight


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 0.0), (0.0, 0.0), (0.9, 0.01)])
def test_rmsprop_is_tensorflows(momentum: float, weight_decay: float) -> None:
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=(3, 4)), [random.normal(size=(3, 4)) for _ in range(20)]
    rates = [0.045 * 0.94 ** (i // 5) for i in range(20)]
    weight = nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = TensorFlowRMSprop([weight], lr=1.0, momentum=momentum, weight_decay=weight_decay)
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        weight.grad = torch.from_numpy(gradient)
        optimizer.step()
    expected = tensorflow_rmsprop(start, gradients, rates, momentum, weight_decay)
    np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-12)


def test_a_restored_optimizer_goes_on_bit_for_bit() -> None:
    def run(steps: range, weight: nn.Parameter, optimizer: TensorFlowRMSprop) -> None:
        for number in steps:
            weight.grad = torch.full_like(weight, float(number + 1))
            optimizer.step()

    weights = [nn.Parameter(torch.ones(5)) for _ in range(2)]
    settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4}
    undisturbed = TensorFlowRMSprop([weights[0]], **settings)
    run(range(6), weights[0], undisturbed)
    stopped = TensorFlowRMSprop([weights[1]], **settings)
    run(range(3), weights[1], stopped)
    resumed = TensorFlowRMSprop([weights[1]], **settings)
    resumed.load_state_dict(stopped.state_dict())
    run(range(3, 6), weights[1], resumed)
    assert torch.equal(*weights)


def test_the_spec_chooses() -> None:
    chosen = {name: make_optimizer(complete({"model": "mlp_1x512", "optimizer": name}), [nn.Parameter(torch.ones(1))])
              for name in ("sgd", "rmsprop")}  # fmt: skip
    assert isinstance(chosen["sgd"], torch.optim.SGD)
    assert isinstance(chosen["rmsprop"], TensorFlowRMSprop)


def test_sgd_steps_as_torchs_own_bit_for_bit() -> None:
    start = torch.from_numpy(np.random.default_rng(0).normal(size=(7, 5))).float()
    weights = [nn.Parameter(start.clone()) for _ in range(2)]
    settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3}
    spec = complete({"model": "mlp_1x512", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 1e-3})
    ours, torchs = make_optimizer(spec, [weights[0]]), torch.optim.SGD([weights[1]], **settings, fused=True)
    for number in range(5):
        for weight, optimizer in zip(weights, (ours, torchs), strict=True):
            weight.grad = weight.detach() * (number - 2)
            optimizer.step()
    assert torch.equal(*weights)
    assert not torch.equal(weights[0], start)
    momenta = [optimizer.state_dict()["state"][0]["momentum_buffer"] for optimizer in (ours, torchs)]
    assert torch.equal(*momenta)
    assert ours.state_dict()["param_groups"] == torchs.state_dict()["param_groups"]


STEPS = """
import sys, torch
from rethink.sweep.recipes import complete
from rethink.training.learner import Learner
for fields in ({"model": "mlp_1x512"}, {"model": "mlp_1x512", "optimizer": "rmsprop"}):
    learner = Learner(complete(fields), (3, 28, 28), 10, torch.device("cpu"))
    learner.step(torch.zeros(2, 3, 28, 28), torch.zeros(2, dtype=torch.int64), 0)
    learner.load_state_dict(learner.state_dict())
print("torch._dynamo" in sys.modules)
"""


def test_training_does_not_import_torchs_compiler() -> None:
    """It would take 1.5 s of every process that trains."""
    ended = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("False\n", "")
