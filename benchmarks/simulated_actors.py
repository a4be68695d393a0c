"""A thousand trials at a time on a small machine: actors that share one process, and trials that train nothing.

Real are Tune's controller with its actor manager, its placement groups (of CPUs that Ray is only told of), and a call
through Ray, with a future to wait for, for every report. Simulated are the actors' processes, all but one, and the
training: rows are made, and none is synced.
"""

import asyncio
import dataclasses
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import ray
from ray.air.execution.resources.placement_group import PlacementGroupAcquiredResources, PlacementGroupResourceManager
from ray.tune.execution import tune_controller

from benchmarks.made_run import about
from rethink.ray_backend.registrations import Entries
from rethink.ray_backend.trainable import NetworkTrainable
from rethink.records.record import Record
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.trial.settings import TrialSettings

ROWS_A_REPORT = 10
ROW = Record(
    row=1,
    epoch=1,
    steps=1,
    images_seen=1,
    learning_rate=0.01,
    train_loss=0.7312345678901234,
    train_accuracy=0.7465,
    train_accuracy_corrupted=0.4125,
    train_accuracy_clean=0.8745,
    test_loss=1.2312345678901234,
    test_accuracy=0.6535,
    test_top5_accuracy=0.9535,
    train_eval_accuracy=None,
    train_eval_top5_accuracy=None,
    exact_train_accuracy=None,
    exact_train_top5_accuracy=None,
    fitted=False,
    epochs_to_fit=None,
    diverged=False,
    checked_images=8,
    train_seconds=0.1134567890123456,
    check_seconds=0.0019123456789012,
    test_seconds=0.0271234567890123,
    images_per_second=17634.12345678901,
)


def row_after(epoch: int) -> Record:
    """A made row of a whole epoch; its steps are its epochs."""
    return dataclasses.replace(ROW, row=epoch, epoch=epoch, steps=epoch, images_seen=epoch)


class MadeTrial:
    """In the place of rethink.trial.trial.Trial: ROWS_A_REPORT made rows at every call, until max_epochs."""

    def __init__(self, spec: TrialSpec, settings: TrialSettings) -> None:
        self.notes: list[str] = []
        self._last_epoch = spec.max_epochs
        self._epoch = 0
        run = RunDirectory(settings.run)
        self._file = (run.rows / f"{spec.spec_id}-0001.jsonl").open("w")
        header = {"format": 1, "run_id": run.run_id, "spec_id": spec.spec_id, "number": 1, **about()}
        self._file.write(json.dumps({"attempt": header}) + "\n")

    def run_until(self, due: Callable[[], bool]) -> Record:
        first, self._epoch = self._epoch + 1, min(self._epoch + ROWS_A_REPORT, self._last_epoch)
        self._file.writelines(f"{json.dumps(row_after(e).to_dict())}\n" for e in range(first, self._epoch + 1))
        self._file.flush()
        return row_after(self._epoch)

    def close(self) -> None:
        self._file.close()


class MadeTrainable(NetworkTrainable):
    """The product's trainable around made trials; a process may hold any number of them."""

    def setup(self, config: dict[str, Any], settings: TrialSettings, entries: Entries) -> None:
        entries.register()
        self._settings = settings
        self._trial: Any = None

    def _begun(self) -> Any:
        if self._trial is None:
            self._trial = MadeTrial(TrialSpec.from_dict(self.config["spec"]), self._settings)
        return self._trial


class Workers:
    """The process of all simulated actors. A report takes `report_seconds`, half to one and a half times that."""

    def __init__(self, report_seconds: float) -> None:
        self._report_seconds = report_seconds
        self._trainables: dict[int, MadeTrainable] = {}
        self._answered: dict[int, float] = {}  # when each gave its last report
        self._waits: list[tuple[float, float]] = []

    async def create(self, number: int, trainable: type[MadeTrainable], kwargs: dict[str, Any]) -> None:
        self._trainables[number] = trainable(**kwargs)

    async def call(self, number: int, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if method == "__ray_ready__":
            return True
        if method == "train":
            return await self._train(number)
        trainable = self._trainables.pop(number) if method == "stop" else self._trainables[number]
        return getattr(trainable, method)(*args, **kwargs)

    async def waits(self) -> list[tuple[float, float]]:
        """(moment, how long a trial had then waited from its report to the controller's answer), in seconds."""
        return self._waits

    async def _train(self, number: int) -> Any:
        share = random.random()  # of the first interval, so that no two trials keep step
        if number in self._answered:
            now = time.perf_counter()
            self._waits.append((now, now - self._answered[number]))
            share += 0.5
        await asyncio.sleep(share * self._report_seconds)
        result = self._trainables[number].train()
        self._answered[number] = time.perf_counter()
        return result


class _Method:
    def __init__(self, workers: Any, number: int, name: str) -> None:
        self._workers, self._number, self._name = workers, number, name

    def remote(self, *args: Any, **kwargs: Any) -> ray.ObjectRef:
        return self._workers.call.remote(self._number, self._name, args, kwargs)


class _Actor:
    """The handle of a simulated actor: each of its methods is a call to the workers' process."""

    def __init__(self, workers: Any, number: int) -> None:
        self._workers, self._number = workers, number

    def __getattr__(self, name: str) -> _Method:
        return _Method(self._workers, self._number, name)


class Simulation:
    """The workers' process, and what makes Tune start its actors there."""

    def __init__(self, slots: int, report_seconds: float) -> None:
        actor_class = ray.remote(num_cpus=0, max_concurrency=2 * slots + 100)(Workers)
        self._workers: Any = actor_class.remote(report_seconds)
        self._trainable: ray.ObjectRef | None = None
        self._actors = 0

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Meanwhile Tune's actors start here. It waits for a placement group for each, as ever."""
        started_here = type("Acquired", (_Acquired,), {"simulation": self})
        resources = type("Resources", (PlacementGroupResourceManager,), {"_resource_cls": started_here})
        with mock.patch.object(tune_controller, "PlacementGroupResourceManager", resources):
            yield

    def waits(self) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = ray.get(self._workers.waits.remote())
        return found

    def start_actor(self, actor_class: Any, kwargs: dict[str, Any]) -> _Actor:
        if self._trainable is None:  # the same for all
            self._trainable = ray.put(actor_class.__ray_metadata__.modified_class)
        self._actors += 1
        self._workers.create.remote(self._actors, self._trainable, kwargs)
        return _Actor(self._workers, self._actors)


class _Acquired(PlacementGroupAcquiredResources):
    simulation: Simulation

    def _annotate_remote_entity(self, entity: Any, bundle: Any, bundle_index: int) -> "_ActorClass":
        return _ActorClass(self.simulation, entity)


class _ActorClass:
    def __init__(self, simulation: Simulation, actor_class: Any) -> None:
        self._simulation, self._actor_class = simulation, actor_class

    def remote(self, **kwargs: Any) -> _Actor:
        return self._simulation.start_actor(self._actor_class, kwargs)
