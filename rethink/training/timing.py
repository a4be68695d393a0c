"""What a network costs on this machine: a few timed steps, on made images."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from rethink.models.registry import InputShape
from rethink.spec import TrialSpec
from rethink.training.learner import Learner

FEW = 16  # images of a first step, which says whether one of a whole batch is cheap
CHEAP = 0.1  # seconds of a step that are not missed


@dataclass(frozen=True)
class Timing:
    """Seconds of an image, and what the state of a trial takes."""

    train_seconds: float  # forward, backward and step, of an image
    test_seconds: float  # forward, of an image
    state_bytes: int  # of weights, buffers and optimizer


def timed(spec: TrialSpec, input_shape: InputShape, classes: int, device: torch.device, threads: int) -> Timing:
    """Time a training step and an evaluation batch of a spec's network, after one of each to warm up.

    A network whose step takes long is timed on FEW images, where each costs a little more than in a whole batch.

    Args:
        spec: Whose network, batch size, optimizer and precision.
        input_shape: (C, H, W) of one image.
        classes: Number of logits.
        device: Where it is timed.
        threads: Of torch, as a trial has.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        learner = Learner(spec, input_shape, classes, device)
        train = _train_seconds(learner, min(FEW, spec.batch_size), input_shape, classes, device)
        if spec.batch_size > FEW and train * spec.batch_size < CHEAP:
            train = _train_seconds(learner, spec.batch_size, input_shape, classes, device)
        state = [*learner.network.state_dict().values(), *_tensors(learner.state_dict()["optimizer"]["state"])]
        learner.network.eval()
        images = torch.randn(FEW, *input_shape, device=device)
        with torch.inference_mode():
            test = _seconds(lambda: learner.network(images), device) / FEW
    finally:
        torch.set_num_threads(before)
    return Timing(train, test, sum(tensor.numel() * tensor.element_size() for tensor in state))


def _train_seconds(learner: Learner, number: int, input_shape: InputShape, classes: int, device: torch.device) -> float:
    """Seconds an image, in a step of so many."""
    images = torch.randn(number, *input_shape, device=device)
    labels = torch.randint(classes, (number,), device=device)
    return _seconds(lambda: learner.step(images, labels, 0), device) / number


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """Of the second call."""
    call()
    _wait(device)
    started = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _tensors(state: dict[int, dict[str, object]]) -> list[torch.Tensor]:
    return [value for own in state.values() for value in own.values() if isinstance(value, torch.Tensor)]
