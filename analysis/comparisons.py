"""The seed's figures of curves: inputs, BatchNorm, explicit regularizers, also on ImageNet; each where it is due."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis import style
from analysis.cells import cell_columns
from analysis.conditions import (
    CONDITIONS,
    REGULARIZERS,
    SCHEDULE,
    condition,
    imagenet_variants,
    on_imagenet,
    regularizers,
    seed_variant,
)
from analysis.curves import Axis, Published, Subject, curves_figure
from analysis.frames import Frames
from analysis.published import read

STEPS = Axis("steps", "steps")
THOUSAND_STEPS = Axis("steps", "thousand steps", unit=1000)
EPOCHS = Axis("epoch", "epochs")
LOSS = Axis("train_loss", "training loss")
TRAIN, TEST = Axis("train_accuracy", "train accuracy"), Axis("test_accuracy", "test accuracy")

EXPLICIT = "Effect of Explicit Regularization on\nGeneralization Performance"
SEEDS_VARIANTS = "imagenet_regularization"  # of the figures of ImageNet

Scale = Callable[[pd.DataFrame], str]
MakeFigure = Callable[[], Figure]


def curve_figures(frames: Frames, scale_of: Scale, across: int = style.ACROSS) -> Iterator[tuple[str, MakeFigure]]:
    """(file name, what draws it) for every comparison that these trials contain, each with the scale of its own."""
    inputs = inputs_of(frames.trials)
    if inputs is not None:
        title = "Effect of different inputs on"
        loss, accuracy = (Subject(f"{title} {end}", *inputs) for end in ("convergence", "training"))
        scale = scale_of(inputs[0])
        yield (
            "inputs_loss",
            partial(curves_figure, loss, frames.epochs, STEPS, [LOSS], scale, _published_inputs(), across),
        )
        yield "inputs_accuracy", partial(curves_figure, accuracy, frames.epochs, STEPS, [TRAIN], scale, None, across)
    norms = batch_norms_of(frames.trials)
    if norms is not None:
        subject = Subject("Effect of Implicit Regularisation", *norms)
        scale, published = scale_of(norms[0]), _published_norm()
        yield (
            "batch_norm",
            partial(curves_figure, subject, frames.epochs, EPOCHS, [TRAIN, TEST], scale, published, across),
        )
    explicit = regularizers_of(frames.trials)
    if explicit is not None:
        subject, scale = Subject(EXPLICIT, *explicit), scale_of(explicit[0])
        figure = partial(curves_figure, subject, frames.epochs, THOUSAND_STEPS, [TRAIN, TEST], scale, None, across)
        yield "explicit_regularization", figure
    for name, imagenet in imagenet_of(frames.trials).items():
        title, ends = (EXPLICIT, _published_variants()) if name == SEEDS_VARIANTS else (f"{EXPLICIT} (Table 2)", None)
        subject, scale = Subject(title, *imagenet), scale_of(imagenet[0])
        yield name, partial(curves_figure, subject, frames.epochs, THOUSAND_STEPS, [TRAIN, TEST], scale, ends, across)


Chosen = tuple[pd.DataFrame, "pd.Series[str]", tuple[str, ...], tuple[str, ...]]


def inputs_of(trials: pd.DataFrame) -> Chosen | None:
    """The trials under two or more of the five input conditions, all else equal, pixels being corrupted in one."""
    axes = ("label_corruption", "pixel_corruption")
    known = trials[condition(trials).notna()]
    corrupted = (known["pixel_corruption"] != "none").groupby(_alike(known, axes)).transform("any")
    return _compared(known[corrupted], condition, CONDITIONS, axes)


def batch_norms_of(trials: pd.DataFrame) -> Chosen | None:
    """The trials, without explicit regularizers, with BatchNorm on and off, all else equal."""
    plain = trials[regularizers(trials) == "none"]
    names = {True: "BatchNorm on", False: "BatchNorm off"}
    switchable = plain[plain["batch_norm"].notna()]
    axes = ("batch_norm",)
    return _compared(switchable, lambda own: own[axes[0]].map(names).astype("string"), tuple(names.values()), axes)


def regularizers_of(trials: pd.DataFrame) -> Chosen | None:
    """The trials on true labels and pixels, not of ImageNet, that differ in explicit regularizers, all else equal."""
    chosen = trials[(condition(trials) == CONDITIONS[0]) & ~on_imagenet(trials)]
    order = tuple(sorted(regularizers(chosen).unique(), key=lambda text: (text != "none", text)))
    return _compared(chosen, regularizers, order, REGULARIZERS)


def imagenet_of(trials: pd.DataFrame) -> dict[str, Chosen]:
    """By the figure's name, the ImageNet trials on true labels and pixels: the seed's variants; apart, the others."""
    chosen = trials[(condition(trials) == CONDITIONS[0]) & on_imagenet(trials)]
    first = seed_variants()
    is_seeds = [seed_variant(trial) in first for trial in chosen.to_dict("records")]
    parts = {
        SEEDS_VARIANTS: (chosen[is_seeds], [*first]),
        "imagenet_table_2": (chosen[[not own for own in is_seeds]], []),
    }
    return {name: _variants(own, known) for name, (own, known) in parts.items() if len(own)}


def _variants(trials: pd.DataFrame, known: list[str]) -> Chosen:
    """Lines by toggles, the known ones first, whether there are trials of them or not."""
    lines = imagenet_variants(trials)
    # One variant may be trained for longer, as the seed's was: its curve is longer, and no other panel's. A random
    # resized crop has a view of its own.
    views = ("view",) if trials.groupby(lines)["view"].nunique().max() == 1 else ()
    order = (*known, *sorted(set(lines) - set(known)))
    return trials, lines, order, (*REGULARIZERS, *SCHEDULE, "max_steps", *views)


def _compared(
    trials: pd.DataFrame,
    lines_of: Callable[[pd.DataFrame], "pd.Series[Any]"],
    order: tuple[str, ...],
    axes: tuple[str, ...],
) -> Chosen | None:
    """Those of the trials, and their lines, that have another line's trial beside them, equal in all but the axes."""
    if trials.empty:
        return None
    lines = lines_of(trials)
    several = lines.groupby(_alike(trials, axes)).transform("nunique") > 1
    return (trials[several], lines[several], order, axes) if several.any() else None


def _alike(trials: pd.DataFrame, axes: tuple[str, ...]) -> "pd.Series[int]":
    """A number for each trial, the same for those that differ in nothing but seeds and axes."""
    names = [name for name in cell_columns(trials) if name not in axes]
    return trials.groupby(names, observed=True, dropna=False).ngroup()


def _published_inputs() -> Published:
    table = read("peer_fig1a_thresholds").table
    points = {
        name.replace("_", " "): [([float(first), float(second)], [0.1, 0.01])]
        for name, first, second in zip(
            table["condition"], table["steps_to_loss_0.1"], table["steps_to_loss_0.01"], strict=True
        )
    }
    title = "published (one reproduction): Inception on CIFAR-10, n = 1"
    return Published(title, "steps", points, log=True)


def _published_norm() -> Published:
    table = read("seed_batch_norm").table
    points = {}
    for name, flag in (("BatchNorm on", "yes"), ("BatchNorm off", "no")):
        own = table[table["batch_norm"] == flag]
        epochs = own["epoch"].astype(float).tolist()
        points[name] = [(epochs, own[column].tolist()) for column in ("train_accuracy", "test_accuracy")]
    return Published("published (the seed): CIFAR-10, n = 1", "epochs", points)


def seed_variants() -> dict[str, list[tuple[float, float, float]]]:
    """(steps, train accuracy, test accuracy) at the ends of the seed's curves, by the names of imagenet_variants."""
    table = read("seed_imagenet_explicit_regularization").table
    names = table["variant"].str.replace("_", " ").str.replace("lr", "LR").str.replace("+", " + ")
    points = list(zip(table["steps"], table["train_accuracy"], table["test_accuracy"], strict=True))
    return {name: [point for point, own in zip(points, names, strict=True) if own == name] for name in names}


def _published_variants() -> Published:
    points = {}
    for name, ends in seed_variants().items():
        steps, train, test = (list(values) for values in zip(*ends, strict=True))
        thousands = [number / THOUSAND_STEPS.unit for number in steps]
        points[name] = [(thousands, train), (thousands, test)]
    return Published("published (the seed): ImageNet, Inception V3, n = 1", THOUSAND_STEPS.label, points, ends=True)
