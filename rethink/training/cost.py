"""What a trial would cost, found without running it: for scheduling, and to refuse the impossible at once."""

import math
import warnings
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from rethink import models
from rethink.data.spec_checks import check_form
from rethink.errors import RethinkError
from rethink.own_code import own_code
from rethink.spec import TrialSpec


def expected_cost(spec: TrialSpec, train_samples: int, classes: int) -> float:
    """Relative time to the trial's end: floating-point operations of an image × images to interpolation or a limit."""
    return expected_images(spec, train_samples) * flops_per_image(spec, classes)


def expected_images(spec: TrialSpec, train_samples: int) -> float:
    """Training images that a trial is expected to see, to interpolation or to its limit.

    An MLP on 5,000 Fashion-MNIST images needed 58, 111, 138 and 184 epochs at levels 0, 0.2, 0.6 and 1: about
    58 (1 + 2p).
    """
    return min(
        58 * (1 + 2 * spec.label_corruption) * (spec.train_samples or train_samples), most_images(spec, train_samples)
    )


def most_images(spec: TrialSpec, train_samples: int) -> float:
    """Training images that a trial sees if it never fits."""
    of_epochs = spec.max_epochs * (spec.train_samples or train_samples)
    return min(of_epochs, math.inf if spec.max_steps is None else spec.max_steps * spec.batch_size)


def check_possible(spec: TrialSpec) -> None:
    """Raise SpecError for a spec that no data set could serve: before one is written for hours."""
    check_form(spec)
    flops_per_image(spec, classes=2)  # builds the network, without memory


def flops_per_image(spec: TrialSpec, classes: int) -> int:
    """Floating-point operations of one image's forward pass, counted on a network without memory; at least 1.

    torch counts matrix products and convolutions alone. Where there are none, or where a network of a user's own
    cannot do without memory, each parameter stands for a product and a sum.
    """
    return _flops(spec.model, spec.depth, spec.width, spec.batch_norm, spec.image_size, classes)


@cache
def _flops(
    model: str, depth: int | None, width: int | None, batch_norm: bool | None, image_size: int, classes: int
) -> int:
    spec = TrialSpec(
        dataset="none",
        model=model,
        depth=depth,
        width=width,
        batch_norm=batch_norm,
        image_size=image_size,
        learning_rate=1,
    )
    shape = (3, image_size, image_size)
    parameters = 0
    try:
        with torch.device("meta"), warnings.catch_warnings(action="ignore"):
            network = models.build_model(spec, shape, classes).eval()
            with FlopCounterMode(display=False) as counter, own_code(f"model {model!r} on images {shape}"):
                parameters = sum(parameter.numel() for parameter in network.parameters())
                network(torch.empty(1, *shape))
        return int(counter.get_total_flops()) or max(1, 2 * parameters)
    except RethinkError:
        if model in models.BUILT_IN:
            raise
        return max(1, 2 * parameters)  # the trial run says what is wrong with it, if anything
