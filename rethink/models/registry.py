"""The models by name: what each needs to be built, and the learning rate its paper starts from."""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from rethink.spec import SpecError, TrialSpec

InputShape = tuple[int, int, int]  # (C, H, W)
OPTIONS = ("depth", "width", "batch_norm")  # fields of TrialSpec that only some models have


@dataclass(frozen=True)
class ModelEntry:
    """A model that a spec can name. `build(spec, (C, H, W), classes)` maps (N, C, H, W) to (N, classes) logits.

    `learning_rate` is the paper's initial one; `depth`, `width` and `batch_norm` are the defaults of options,
    none: the model does not have the option. `channels_last`: the memory format in which it is faster on a CPU.
    `image_size` is the side of the images that it usually sees on a data set kept as JPEG (pixels; none: the data
    set's own). `auxiliary`: if above 0, the network gives (logits, auxiliary logits) in training mode, and the loss of
    the second counts with this weight, or the spec's. `build` draws weights from torch's global generator, which the
    caller seeds, and touches nothing else.
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

        Raises SpecError for an option that the model does not have: it would be ignored in silence.
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


_entries: dict[str, ModelEntry] = {}


def register(entry: ModelEntry) -> None:
    """Make a model known by its name. Raises SpecError for a name that is taken or unfit for a folder's name."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", entry.name):
        raise SpecError(f"model name {entry.name!r} is not allowed: up to 64 letters, digits and _ . -")
    if entry.name in _entries:
        raise SpecError(f"model {entry.name!r} is already registered; choose another name")
    _entries[entry.name] = entry


def get(name: str) -> ModelEntry:
    """The model of that name. Raises SpecError with the choices for an unknown one."""
    if name not in _entries:
        raise SpecError(f"unknown model {name!r}; choose from {', '.join(names())}")
    return _entries[name]


def names() -> tuple[str, ...]:
    """The known models, in alphabetical order."""
    return tuple(sorted(_entries))


def build_model(spec: TrialSpec, input_shape: InputShape, classes: int) -> nn.Module:
    """The untrained network of a spec for images (C, H, W). Raises SpecError for an unknown model or option."""
    entry = get(spec.model)
    return entry.build(entry.complete(spec), input_shape, classes)
