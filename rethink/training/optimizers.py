"""The optimizers by name: torch's SGD, and RMSprop as Inception V3 was trained with it."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from rethink.spec import TrialSpec


def make_optimizer(spec: TrialSpec, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """The optimizer of a spec. Both add `weight_decay` × weight to the gradient (an L2 penalty)."""
    settings: dict[str, Any] = {
        "lr": spec.learning_rate,
        "momentum": spec.momentum,
        "weight_decay": spec.weight_decay,
    }
    if spec.optimizer == "rmsprop":
        return TensorFlowRMSprop(parameters, **settings)
    return SGD(parameters, **settings, fused=True)


class _WithoutCompiler(Optimizer):
    """torch's Optimizer without the decorators that import torch's compiler: 1.5 s of a process that never uses it."""

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)


class SGD(_WithoutCompiler, torch.optim.SGD):
    """torch's SGD."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))


class TensorFlowRMSprop(_WithoutCompiler):
    """RMSprop with momentum as TensorFlow computes it, with Inception V3's constants: decay 0.9, ε = 1.

    s ← 0.9 s + 0.1 g²;  m ← momentum · m + lr · g / √(s + ε);  w ← w − m, from s = 1 and m = 0 (Szegedy et al.,
    arXiv 1512.00567, section 8). torch's own has √s + ε, from s = 0: with ε = 1 that is another step size.
    """

    DECAY, EPSILON = 0.9, 1.0

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update. A closure is not used."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, group)

    def _update(self, weight: nn.Parameter, group: dict[str, Any]) -> None:
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["mean_square"] = torch.ones_like(weight)
            state["momentum"] = torch.zeros_like(weight)
        gradient = weight.grad.add(weight, alpha=group["weight_decay"])
        mean_square: torch.Tensor = state["mean_square"]
        mean_square.mul_(self.DECAY).addcmul_(gradient, gradient, value=1 - self.DECAY)
        root = (mean_square + self.EPSILON).sqrt_()
        state["momentum"].mul_(group["momentum"]).addcdiv_(gradient, root, value=group["lr"])
        weight.sub_(state["momentum"])
