"""The network of a spec: its first weights, and the step that trains it."""

import contextlib
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Optimizer

from rethink import models
from rethink.models.registry import InputShape
from rethink.randomness.streams import key64
from rethink.spec import TrialSpec


def initialized_network(spec: TrialSpec, input_shape: InputShape, classes: int, device: torch.device) -> nn.Module:
    """The untrained network of a spec on a device, its weights a function of `spec.seed`. Seeds torch's generator."""
    torch.manual_seed(key64("initialization", spec.seed))
    network = models.build_model(spec, input_shape, classes).to(device)
    if models.get(spec.model).channels_last:
        network = network.to(memory_format=torch.channels_last)
    return network


def arithmetic(precision: str, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """`with` it, the forward pass computes in that precision of a spec. Without need for it autocast takes 0.02 ms."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()


def train_step(
    network: nn.Module, optimizer: Optimizer, spec: TrialSpec, images: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One optimizer step on images (N, C, H, W) and labels (N,).

    Returns:
        The losses of the images, (N,) float32, and their logits, (N, classes), both without gradient.
    """
    own_weight = models.get(spec.model).auxiliary
    weight = own_weight if spec.auxiliary_weight is None else spec.auxiliary_weight
    with arithmetic(spec.precision, images.device):
        outputs = network(images)
    logits, further = outputs if own_weight > 0 else (outputs, None)
    losses = F.cross_entropy(logits.float(), labels, reduction="none")
    objective = losses.mean()
    if further is not None and weight > 0:
        objective = objective + weight * F.cross_entropy(further.float(), labels)
    network.zero_grad()  # an optimizer's own would be timed by torch's profiler: 0.07 ms
    objective.backward()  # type: ignore[no-untyped-call]
    if spec.gradient_clip is not None:
        nn.utils.clip_grad_norm_(network.parameters(), spec.gradient_clip)
    optimizer.step()
    return losses.detach(), logits.detach()
