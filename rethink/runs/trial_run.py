"""The trial run: before anything starts, networks take one step on two images, in a process of its own.

It finds out what no list says: whether a model of a user's own keeps the contract of `ModelEntry`, and whether a
network can train on a last batch of one image, which BatchNorm over single values cannot. A model that ends its
process ends that process alone.
"""

import contextlib
import faulthandler
import io
import math
import multiprocessing
import signal
import warnings
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import torch
from torch import nn

from rethink import models
from rethink.errors import RethinkError, SpecError
from rethink.models.registry import OPTIONS, InputShape
from rethink.own_code import own_code
from rethink.spec import TrialSpec, shown
from rethink.training.network import initialized_network, train_step
from rethink.training.optimizers import make_optimizer

IMAGES = 2  # of a batch: the fewest that BatchNorm over single values takes
CLASSES = 2  # as long as they are not known
DEADLY = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTERM", "SIGINT")


def check_own_models(specs: Iterable[TrialSpec], classes: int | None) -> None:
    """Hold the models that are a user's own to their contract; `classes` is none as long as it is not known.

    Raises SpecError, naming the model, what it did and what it should do.
    """
    own = (spec for spec in specs if spec.model not in models.BUILT_IN)
    for spec in {_network_of(spec): spec for spec in own}.values():
        _in_own_process(spec, classes, is_whole_contract=True)


def check_last_batches(specs: Iterable[TrialSpec], samples: int, classes: int) -> None:
    """Try the networks whose epochs end in a batch of one image, on a data set of so many training images.

    Raises SpecError, with both numbers, for one that cannot train on one image.
    """
    alone = (spec for spec in specs if _last_batch(spec, samples) == 1)
    for spec in {_network_of(spec): spec for spec in alone}.values():
        try:
            _in_own_process(spec, classes, is_whole_contract=False)
        except RethinkError as error:
            raise SpecError(
                f"batch_size = {spec.batch_size} is not allowed with {spec.train_samples or samples} training images: "
                f"the last batch of an epoch is one image, on which the model cannot train; choose another batch_size "
                f"or train_samples ({error})"
            ) from None


def _last_batch(spec: TrialSpec, samples: int) -> int:
    """Images in the last batch of an epoch; 0 where max_steps ends the trial before."""
    images = spec.train_samples or samples
    steps = math.ceil(images / spec.batch_size)
    if spec.max_steps is not None and spec.max_steps < steps:
        return 0
    return images - (steps - 1) * spec.batch_size


def _network_of(spec: TrialSpec) -> tuple[object, ...]:
    """Equal for specs of one network and one kind of step."""
    options = (getattr(spec, option) for option in OPTIONS)
    return (
        spec.model,
        spec.image_size,
        *options,
        spec.dropout > 0,
        spec.precision,
        spec.optimizer,
        spec.auxiliary_weight,
    )


def _in_own_process(spec: TrialSpec, classes: int | None, is_whole_contract: bool) -> None:
    context = multiprocessing.get_context("fork")  # a fresh process would not know what the user's file registered
    answers, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, spec, classes, is_whole_contract))
    process.start()
    sender.close()
    try:
        fault = answers.recv()
    except EOFError:
        process.join()
        ended = -(process.exitcode or 0)
        how = signal.Signals(ended).name if ended > 0 else f"exit status {-ended}"
        fault = f"model {spec.model!r} ended the process of its trial run ({how})"
    finally:
        process.kill()
        process.join()
        answers.close()
    if fault is not None:
        raise SpecError(fault)


def _answer(sender: Connection, spec: TrialSpec, classes: int | None, is_whole_contract: bool) -> None:
    faulthandler.disable()  # the answer says it in one line; Ray has handlers of its own, too
    for name in DEADLY:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    warnings.simplefilter("ignore")  # they come again, in the trial itself
    torch.set_num_threads(1)  # threads of the other process are not here
    trial = _TrialRun(spec, classes)
    try:
        if is_whole_contract:
            trial.keep_contract()
        else:
            trial.train(trial.network(), images=1)
    except RethinkError as error:
        sender.send(str(error))
    else:
        sender.send(None)


class _TrialRun:
    """One network's. Every method raises SpecError for what the contract does not allow."""

    def __init__(self, spec: TrialSpec, classes: int | None) -> None:
        self._spec = spec
        self._classes = classes
        self._name = f"model {spec.model!r}"

    def keep_contract(self) -> None:
        """All that can be seen of the contract on a few images."""
        network, twin = self.network(), self.network()
        with own_code(f"{self._name}: the state_dict of its network"):
            states = network.state_dict(), twin.state_dict()
            if not _are_equal(*(list(state.values()) for state in states)):
                self._refuse("build gives other weights from the same seed; draw them from torch's generator alone")
        self.train(network, IMAGES)
        logits = self._evaluate(network)
        if not _are_equal(logits, self._evaluate(network)):
            self._refuse(
                "in evaluation mode the same images give other logits each time; all that is random is dropout"
            )
        self._restore(twin, network)
        if not _are_equal(logits, self._evaluate(twin)):
            self._refuse("another network with its state_dict gives other logits; it has to hold all of the state")

    def network(self) -> nn.Module:
        """Newly built, with a parameter to train."""
        network = initialized_network(self._spec, self._shape, self._classes or CLASSES, torch.device("cpu"))
        if not any(parameter.requires_grad for parameter in network.parameters()):
            self._refuse("its network has no parameter to train")
        return network

    def train(self, network: nn.Module, images: int) -> None:
        """One step on so many images."""
        batch = self._images(images)
        with self._mode("training", batch):
            optimizer = make_optimizer(self._spec, network.parameters())
            outputs = network.train()(batch)
        if models.get(self._spec.model).auxiliary:
            if not isinstance(outputs, tuple | list) or len(outputs) != 2:
                self._refuse(
                    f"in training mode it gives {shown(outputs)}; with `auxiliary`: (logits, auxiliary logits)"
                )
        else:
            outputs = (outputs,)
        columns = min(self._columns(part, images, "training") for part in outputs)
        with own_code(f"{self._name}: a training step on images {tuple(batch.shape)}"):
            train_step(network, optimizer, self._spec, batch, torch.arange(images) % columns)
        if all(parameter.grad is None for parameter in network.parameters()):
            self._refuse("no parameter gets a gradient from the loss of its logits")

    def _evaluate(self, network: nn.Module) -> list[torch.Tensor]:
        """The logits of two images together, and of one alone."""
        logits = []
        for images in (IMAGES, 1):
            batch = self._images(images)
            with self._mode("evaluation", batch), torch.inference_mode():
                logits.append(network.eval()(batch))
            self._columns(logits[-1], images, "evaluation")
        return logits

    def _restore(self, network: nn.Module, trained: nn.Module) -> None:
        with own_code(f"{self._name}: its state_dict, written and read again,"):
            file = io.BytesIO()
            torch.save(trained.state_dict(), file)
            file.seek(0)
            network.load_state_dict(torch.load(file, weights_only=True))

    def _columns(self, logits: Any, images: int, mode: str) -> int:
        """How many classes the logits are for."""
        wanted = f"({images}, {self._classes or 'classes'})"
        if not isinstance(logits, torch.Tensor):
            self._refuse(f"in {mode} mode it gives {shown(logits)}; give logits {wanted}")
        fits = logits.ndim == 2 and len(logits) == images and self._classes in (None, logits.shape[1])
        if not fits or not logits.shape[1] or not logits.is_floating_point():
            given = f"{str(logits.dtype).removeprefix('torch.')} {tuple(logits.shape)}"
            self._refuse(
                f"in {mode} mode it gives {given} for {images} images; give floating-point logits {wanted}: a row an "
                "image, a column a class"
            )
        return logits.shape[1]

    def _images(self, count: int) -> torch.Tensor:
        """(count, 3, H, W): standardized noise."""
        return torch.randn(count, *self._shape, generator=torch.Generator().manual_seed(0))

    @contextlib.contextmanager
    def _mode(self, mode: str, batch: torch.Tensor) -> Iterator[None]:
        size = self._spec.image_size
        said = f"{self._name}, given images {tuple(batch.shape)} in {mode} mode (image_size = {size}),"
        with own_code(said), torch.autocast("cpu", torch.bfloat16, enabled=self._spec.precision == "bf16"):
            yield

    @property
    def _shape(self) -> InputShape:
        return 3, self._spec.image_size, self._spec.image_size

    def _refuse(self, why: str) -> NoReturn:
        raise SpecError(f"{self._name}: {why}")


def _are_equal(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether the tensors among two lists of values are equal, one by one; values that are not finite count."""
    if len(some) != len(others):
        return False
    pairs = [(one, other) for one, other in zip(some, others, strict=True) if isinstance(one, torch.Tensor)]
    return all(torch.equal(one.nan_to_num(), other.nan_to_num()) for one, other in pairs)
