"""The learner: the network of a spec, its optimizer, and one step of training."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from rethink.models.registry import InputShape
from rethink.spec import TrialSpec
from rethink.training.network import initialized_network, train_step
from rethink.training.optimizers import make_optimizer


class Learner:
    """What is trained; where the trial stands is its caller's."""

    def __init__(self, spec: TrialSpec, input_shape: InputShape, classes: int, device: torch.device) -> None:
        self._spec = spec
        self.network = initialized_network(spec, input_shape, classes, device)
        self._optimizer = make_optimizer(spec, self.network.parameters())

    @property
    def learning_rate(self) -> float:
        """That of the last step, or the initial one."""
        return float(self._optimizer.param_groups[0]["lr"])

    def step(self, images: torch.Tensor, labels: torch.Tensor, images_seen: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One optimizer step, at the learning rate that is due after `images_seen` images.

        Args:
            images: (N, C, H, W), float.
            labels: (N,), int64.
            images_seen: Training images before this step, all epochs together.

        Returns:
            The loss of each image, (N,) float32, and whether it was taken for another class, (N,) bool.
        """
        decay = self._spec.learning_rate_decay ** (images_seen // self._spec.decay_images)
        self._optimizer.param_groups[0]["lr"] = self._spec.learning_rate * decay
        losses, logits = train_step(self.network, self._optimizer, self._spec, images, labels)
        return losses, logits.argmax(1) != labels

    def state_dict(self) -> dict[str, Any]:
        return {"model": self.network.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])

    def start_from(self, model: Mapping[str, Any], optimizer_state: Mapping[int, Any] | None) -> None:
        """Take over weights and, if there is one, their optimizer's state; its settings stay this spec's."""
        optimizer = self._optimizer.state_dict()
        if optimizer_state is not None:
            parameters = list(self.network.parameters())
            optimizer["state"] = {
                index: {name: _laid_out_like(parameters[index], tensor) for name, tensor in state.items()}
                for index, state in optimizer_state.items()
            }
        self.load_state_dict({"model": model, "optimizer": optimizer})


def _laid_out_like(parameter: nn.Parameter, value: Any) -> Any:
    """A tensor in the parameter's memory format: torch's fused steps take the two to be in one, and do not look."""
    is_like = isinstance(value, torch.Tensor) and value.shape == parameter.shape
    return torch.empty_like(parameter).copy_(value) if is_like else value
