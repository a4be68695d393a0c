"""The models by name: what each needs to be built, and the learning rate its paper starts from."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rethink.entry_checks import check_field, is_number, is_whole
from rethink.errors import SpecError
from rethink.own_code import own_code
from rethink.registry import Registry
from rethink.spec import TrialSpec, shown

if TYPE_CHECKING:
    from torch import nn

InputShape = tuple[int, int, int]  # (C, H, W)
Build = Callable[[TrialSpec, InputShape, int], "nn.Module"]
OPTIONS = ("depth", "width", "batch_norm")  # fields of TrialSpec that only some models have


@dataclass(frozen=True)
class ModelEntry:
    """A model that a spec can name.

    Args:
        name: Up to 64 letters, digits and _ . -
        build: `build(spec, (C, H, W), classes)` gives a network that maps float images (N, C, H, W) to floating-point
            logits (N, classes), for any N in evaluation mode, where equal images give equal logits. It draws the
            weights from torch's global generator, which the caller seeds, and touches nothing else; the network's
            state_dict is all of its state. rethink/runs/trial_run.py holds it to that before a run starts.
        learning_rate: The initial one where a spec names none; for the networks of the paper, its own (appendix A).
        depth: The default of this option; none: the model does not have it.
        width: The same.
        batch_norm: The same.
        channels_last: Whether that memory format is faster for it on a CPU.
        image_size: Side of the images that it usually sees on a data set kept as JPEG, pixels; none: the data set's.
        auxiliary: If above 0, the network gives (logits, auxiliary logits) in training mode, both (N, classes), and
            the loss of the second counts with this weight, or the spec's.
        check: Raises SpecError for a spec that the network cannot be built for, before anything starts; none: it can
            be built for all.

    The fields are checked when the model is asked for by its name.
    """

    name: str
    build: Build
    learning_rate: float
    depth: int | None = None
    width: int | None = None
    batch_norm: bool | None = None
    channels_last: bool = False
    image_size: int | None = None
    auxiliary: float = 0.0
    check: Callable[[TrialSpec], None] | None = None

    def complete(self, spec: TrialSpec) -> TrialSpec:
        """The spec with this model's defaults in the options it leaves open.

        Raises:
            SpecError: The spec sets an option that the model does not have, which would be ignored in silence, or
                `check` raises.
        """
        defaults = {}
        for option in OPTIONS:
            chosen, default = getattr(spec, option), getattr(self, option)
            if default is None and chosen is not None:
                raise SpecError(f"{option} = {chosen!r} is not allowed: model {self.name!r} does not have this option")
            if chosen is None:
                defaults[option] = default
        if spec.auxiliary_weight is not None and not self.auxiliary:
            raise SpecError(
                f"auxiliary_weight = {spec.auxiliary_weight!r} is not allowed: model {self.name!r} has no auxiliary "
                "classifier"
            )
        completed = dataclasses.replace(spec, **defaults)
        if self.check is not None:
            with own_code(f"model {self.name!r}: check(spec)"):
                self.check(completed)
        return completed


def build_model(spec: TrialSpec, input_shape: InputShape, classes: int) -> "nn.Module":
    """The untrained network of a spec.

    Args:
        spec: The trial's.
        input_shape: (C, H, W) of one image.
        classes: Number of logits.

    Raises:
        SpecError: The model or an option is unknown, or `build` raises, or returns no network.
    """
    from torch import nn

    entry = get(spec.model)
    completed = entry.complete(spec)
    with own_code(f"model {entry.name!r}: build(spec, {input_shape}, {classes})"):
        network = entry.build(completed, input_shape, classes)
    if not isinstance(network, nn.Module):
        raise SpecError(f"model {entry.name!r}: build returned {shown(network)}, not a torch.nn.Module")
    return network


def _check_fields(entry: ModelEntry) -> None:
    owner = f"model {entry.name!r}"
    check_field(owner, "build", entry.build, callable(entry.build), "a function of (spec, input shape, classes)")
    rate = entry.learning_rate
    check_field(owner, "learning_rate", rate, is_number(rate) and 0 < rate < math.inf, "a number above 0")
    for field in ("depth", "width", "image_size"):
        value = getattr(entry, field)
        check_field(owner, field, value, value is None or is_whole(value, 1), "a whole number from 1, or none")
    switch = entry.batch_norm
    check_field(owner, "batch_norm", switch, switch is None or isinstance(switch, bool), "True, False or none")
    check_field(owner, "channels_last", entry.channels_last, isinstance(entry.channels_last, bool), "True or False")
    check = entry.check
    check_field(owner, "check", check, check is None or callable(check), "a function of a spec, or none")
    weight = entry.auxiliary
    check_field(owner, "auxiliary", weight, is_number(weight) and 0 <= weight < math.inf, "a number from 0")


MODELS = Registry("model", ModelEntry, _check_fields)
register, get, names = MODELS.register, MODELS.get, MODELS.names
