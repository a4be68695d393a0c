"""The models by name: what each needs to be built, and the learning rate its paper starts from."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from rethink.entry_checks import check_field, is_number, is_whole
from rethink.errors import SpecError
from rethink.own_code import own_code
from rethink.registry import Registry
from rethink.spec import TrialSpec, shown

InputShape = tuple[int, int, int]  # (C, H, W)
OPTIONS = ("depth", "width", "batch_norm")  # fields of TrialSpec that only some models have


@dataclass(frozen=True)
class ModelEntry:
    """A model that a spec can name.

    `build(spec, (C, H, W), classes)` gives a network that maps float images (N, C, H, W) to floating-point logits
    (N, classes), for any N in evaluation mode, where equal images give equal logits. It draws the weights from
    torch's global generator, which the caller seeds, and touches nothing else; the network's state_dict is all of its
    state. rethink/runs/trial_run.py checks this before a run starts.

    `learning_rate` is the paper's initial one; `depth`, `width` and `batch_norm` are the defaults of options,
    none: the model does not have the option. `channels_last`: the memory format in which it is faster on a CPU.
    `image_size` is the side of the images that it usually sees on a data set kept as JPEG (pixels; none: the data
    set's own). `auxiliary`: if above 0, the network gives (logits, auxiliary logits) in training mode, and the loss of
    the second counts with this weight, or the spec's.
    """

    name: str
    build: Callable[[TrialSpec, InputShape, int], nn.Module]
    learning_rate: float
    depth: int | None = None
    width: int | None = None
    batch_norm: bool | None = None
    channels_last: bool = False
    image_size: int | None = None
    auxiliary: float = 0.0

    def complete(self, spec: TrialSpec) -> TrialSpec:
        """The spec with this model's defaults in the options it leaves open.

        Raises SpecError for an option that the model does not have, because it would silently be ignored.
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
        return dataclasses.replace(spec, **defaults)


def build_model(spec: TrialSpec, input_shape: InputShape, classes: int) -> nn.Module:
    """The untrained network of a spec for images (C, H, W).

    Raises SpecError for an unknown model or option, and where `build` raises, or returns no network.
    """
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
    weight = entry.auxiliary
    check_field(owner, "auxiliary", weight, is_number(weight) and 0 <= weight < math.inf, "a number from 0")


MODELS = Registry("model", ModelEntry, _check_fields)
register, get, names = MODELS.register, MODELS.get, MODELS.names
