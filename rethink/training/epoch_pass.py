"""The pass of an epoch under way, and what its steps saw: what a restore between two steps needs beside weights."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from rethink.randomness.streams import generator
from rethink.records.record import Record


@dataclass(frozen=True)
class Seen:
    """What optimizer steps saw, in training mode, by sample in the order of the steps; all (n,)."""

    indices: npt.NDArray[np.int64]
    losses: npt.NDArray[np.float64]
    wrong: npt.NDArray[np.bool_]


class Steps:
    """What a stretch of steps saw, kept on the device until it is asked for."""

    def __init__(self) -> None:
        self.images = 0
        self._indices: list[npt.NDArray[np.int64]] = []
        self._losses: list[torch.Tensor] = []
        self._wrong: list[torch.Tensor] = []

    def add(self, indices: npt.NDArray[np.int64], losses: torch.Tensor, wrong: torch.Tensor) -> None:
        self.images += len(indices)
        self._indices.append(indices)
        self._losses.append(losses)
        self._wrong.append(wrong)

    def seen(self) -> Seen:
        """All of it so far, at least one step."""
        losses, wrong = torch.cat(self._losses).cpu().double().numpy(), torch.cat(self._wrong).cpu().numpy()
        return Seen(np.concatenate(self._indices), losses, wrong)

    def state_dict(self) -> dict[str, torch.Tensor] | None:
        if not self.images:
            return None
        indices = torch.from_numpy(np.concatenate(self._indices))
        return {"indices": indices, "losses": torch.cat(self._losses), "wrong": torch.cat(self._wrong)}

    @classmethod
    def restored(cls, state: Mapping[str, torch.Tensor] | None, device: torch.device) -> "Steps":
        steps = cls()
        if state is not None:
            steps.add(state["indices"].cpu().numpy(), state["losses"].to(device), state["wrong"].to(device))
        return steps


@dataclass
class EpochPass:
    """An epoch under way: its order, what its steps saw, and the state of torch's generator between two rows."""

    order: npt.NDArray[np.int64]
    steps: Steps = field(default_factory=Steps)
    random_state: torch.Tensor | None = None  # none: torch's generator has it

    @property
    def is_done(self) -> bool:
        return self.steps.images == len(self.order)

    def likeliest_errors_first(self) -> npt.NDArray[np.int64]:
        seen = self.steps.seen()
        return seen.indices[np.argsort(-seen.losses, kind="stable")]

    def keep_random_state(self, device: torch.device) -> None:
        """Between two rows anything may use torch's generator: a test, another trial."""
        self.random_state = _random_state(device)

    def set_random_state(self, device: torch.device) -> None:
        if self.random_state is not None:
            _set_random_state(self.random_state, device)
            self.random_state = None

    def state_dict(self, device: torch.device) -> dict[str, Any]:
        state = _random_state(device) if self.random_state is None else self.random_state
        return {"steps": self.steps.state_dict(), "random_state": state}

    @classmethod
    def restored(cls, order: npt.NDArray[np.int64], state: Mapping[str, Any], device: torch.device) -> "EpochPass":
        return cls(order, Steps.restored(state["steps"], device), state["random_state"].cpu())


@dataclass
class SinceRow:
    """What the steps since the last row took: their seconds, without the pauses between them, and their images."""

    images_seen: int = 0  # at the last row
    seconds: float = 0.0
    _started: float = 0.0

    def start(self) -> None:
        self._started = time.perf_counter()

    def pause(self) -> None:
        self.seconds += time.perf_counter() - self._started

    def read(self, images_seen: int) -> tuple[int, float]:
        """The images and seconds so far; from now on it counts from zero."""
        images, seconds = images_seen - self.images_seen, self.seconds
        self.images_seen, self.seconds = images_seen, 0.0
        return images, seconds

    def take_back(self, last: Record, before: Record | None) -> None:
        """Count what the last row counted once more, as if only the one before it had been."""
        self.images_seen = before.images_seen if before else 0
        self.seconds += last.train_seconds

    def state_dict(self) -> dict[str, Any]:
        return {"images_seen": self.images_seen, "seconds": self.seconds}


def seed_device(seed: int, device: torch.device) -> None:
    """Seed what a device's operations draw from: torch.manual_seed takes 0.7 ms, for devices that are not there."""
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def _random_state(device: torch.device) -> torch.Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _set_random_state(state: torch.Tensor, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


def epoch_order(indices: npt.NDArray[np.int64], seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """The batch order of an epoch (from 1): a permutation of `indices` that depends on (seed, epoch) alone."""
    return generator("batch_order", seed, epoch).permutation(indices)
