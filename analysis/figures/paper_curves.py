"""The original project's curves: inputs, BatchNorm, regularizers, ImageNet; each if there are trials for it."""

from collections.abc import Callable, Iterator
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.learning_curves import Axis, PublishedCurves, Subject, curves_figure
from analysis.grouping.comparisons import ORIGINAL_VARIANTS, Comparisons
from analysis.published import read
from analysis.published.variants import original_variants

STEPS = Axis("steps", "steps")
THOUSAND_STEPS = Axis("steps", "thousand steps", unit=1000)
EPOCHS = Axis("epoch", "epochs")
LOSS = Axis("train_loss", "training loss")
TRAIN, TEST = Axis("train_accuracy", "train accuracy"), Axis("test_accuracy", "test accuracy")

EXPLICIT = "Effect of Explicit Regularization on\nGeneralization Performance"

Scale = Callable[[pd.DataFrame], str]
MakeFigure = Callable[[], Figure]


def curve_figures(found: Comparisons, scale_of: Scale, across: int = style.ACROSS) -> Iterator[tuple[str, MakeFigure]]:
    """(file name, what draws it) for every comparison that these trials contain, each with its own scale."""
    inputs = found.inputs
    if inputs is not None:
        title = "Effect of different inputs on"
        loss, accuracy = (Subject(f"{title} {end}", *inputs) for end in ("convergence", "training"))
        scale = scale_of(inputs[0])
        yield (
            "inputs_loss",
            partial(curves_figure, loss, found.epochs, STEPS, [LOSS], scale, _published_inputs(), across),
        )
        yield "inputs_accuracy", partial(curves_figure, accuracy, found.epochs, STEPS, [TRAIN], scale, None, across)
    norms = found.batch_norms
    if norms is not None:
        subject = Subject("Effect of Implicit Regularisation", *norms)
        scale, published = scale_of(norms[0]), _published_norm()
        yield (
            "batch_norm",
            partial(curves_figure, subject, found.epochs, EPOCHS, [TRAIN, TEST], scale, published, across),
        )
    explicit = found.regularizers
    if explicit is not None:
        subject, scale = Subject(EXPLICIT, *explicit), scale_of(explicit[0])
        figure = partial(curves_figure, subject, found.epochs, THOUSAND_STEPS, [TRAIN, TEST], scale, None, across)
        yield "explicit_regularization", figure
    for name, imagenet in found.imagenet.items():
        title, ends = (
            (EXPLICIT, _published_variants()) if name == ORIGINAL_VARIANTS else (f"{EXPLICIT} (Table 2)", None)
        )
        subject, scale = Subject(title, *imagenet), scale_of(imagenet[0])
        yield name, partial(curves_figure, subject, found.epochs, THOUSAND_STEPS, [TRAIN, TEST], scale, ends, across)


def _published_inputs() -> PublishedCurves:
    table = read("peer_fig1a_thresholds").table
    points = {
        name.replace("_", " "): [([float(first), float(second)], [0.1, 0.01])]
        for name, first, second in zip(
            table["condition"], table["steps_to_loss_0.1"], table["steps_to_loss_0.01"], strict=True
        )
    }
    title = "published (one reproduction): Inception on CIFAR-10, n = 1"
    return PublishedCurves(title, "steps", points, log=True)


def _published_norm() -> PublishedCurves:
    table = read("original_batch_norm").table
    points = {}
    for name, flag in (("BatchNorm on", "yes"), ("BatchNorm off", "no")):
        own = table[table["batch_norm"] == flag]
        epochs = own["epoch"].astype(float).tolist()
        points[name] = [(epochs, own[column].tolist()) for column in ("train_accuracy", "test_accuracy")]
    return PublishedCurves("published (the original project): CIFAR-10, n = 1", "epochs", points)


def _published_variants() -> PublishedCurves:
    points = {}
    for name, ends in original_variants().items():
        steps, train, test = (list(values) for values in zip(*ends, strict=True))
        thousands = [number / THOUSAND_STEPS.unit for number in steps]
        points[name] = [(thousands, train), (thousands, test)]
    return PublishedCurves(
        "published (the original project): ImageNet, Inception V3, n = 1", THOUSAND_STEPS.label, points, ends=True
    )
