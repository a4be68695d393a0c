"""The networks of the paper by name. What builds one is imported when it is built: importing torch takes seconds."""

import importlib
from typing import TYPE_CHECKING

from rethink.errors import SpecError
from rethink.models.registry import Build, InputShape, ModelEntry, register
from rethink.spec import TrialSpec

if TYPE_CHECKING:
    from torch import nn

ALEXNET_SMALLEST = 63  # pixels: below, a pooling has no input left
INCEPTION_V3_SMALLEST = 299  # pixels: below, nothing is left for the auxiliary classifier's 5×5 convolution
INCEPTION_V3_WIDTH = 16  # of torchvision's network: every published channel count is a multiple of it


def _by(module: str, function: str = "build") -> Build:
    def build(spec: TrialSpec, input_shape: InputShape, classes: int) -> "nn.Module":
        builder: Build = getattr(importlib.import_module(f"rethink.models.{module}"), function)
        return builder(spec, input_shape, classes)

    return build


def _check_wide_resnet(spec: TrialSpec) -> None:
    depth = spec.depth
    if depth is not None and (depth < 10 or depth % 6 != 4):
        raise SpecError(f"depth = {depth!r} is not allowed: wide_resnet needs 6n + 4 (10, 16, 22, 28, 40, ...)")


def _check_alexnet(spec: TrialSpec) -> None:
    if spec.image_size < ALEXNET_SMALLEST:
        raise SpecError(f"image_size = {spec.image_size} is not allowed: alexnet needs {ALEXNET_SMALLEST} or more")


def _check_inception_v3(spec: TrialSpec) -> None:
    most, width, smallest = INCEPTION_V3_WIDTH, spec.width, INCEPTION_V3_SMALLEST
    if width is not None and width > most:
        raise SpecError(f"width = {width!r} is not allowed: inception_v3 needs 1 to {most}, sixteenths of its channels")
    if spec.image_size < smallest:
        raise SpecError(f"image_size = {spec.image_size} is not allowed: inception_v3 needs {smallest} or more")


register(ModelEntry("mlp_1x512", _by("mlp", "build_1x512"), learning_rate=0.01))
register(ModelEntry("mlp_3x512", _by("mlp", "build_3x512"), learning_rate=0.01))
register(ModelEntry("mlp", _by("mlp"), learning_rate=0.01, depth=1, width=512))
register(ModelEntry("alexnet_small", _by("alexnet_small"), learning_rate=0.01, channels_last=True))
register(ModelEntry("inception_small", _by("inception_small"), learning_rate=0.1, batch_norm=True, channels_last=True))
# BatchNorm is not an option: every block is built around it; without it the residual sums grow from block to block.
register(
    ModelEntry(
        "wide_resnet",
        _by("wide_resnet"),
        learning_rate=0.1,
        depth=28,
        width=1,
        channels_last=True,
        check=_check_wide_resnet,
    )
)
register(
    ModelEntry("alexnet", _by("alexnet"), learning_rate=0.01, channels_last=True, image_size=224, check=_check_alexnet)
)
register(
    ModelEntry(
        "inception_v3",
        _by("inception_v3"),
        learning_rate=0.1,
        width=INCEPTION_V3_WIDTH,
        channels_last=True,
        image_size=299,
        auxiliary=0.4,
        check=_check_inception_v3,
    )
)
