"""The seed's figures of curves: inputs, BatchNorm, explicit regularizers; each when the trials contain it."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from analysis.conditions import CONDITIONS, REGULARIZERS, condition, regularizers
from analysis.curves import Axis, Published, Subject, curves_figure
from analysis.frames import Frames
from analysis.published import read

STEPS = Axis("steps", "steps")
THOUSAND_STEPS = Axis("steps", "thousand steps", unit=1000)
EPOCHS = Axis("epoch", "epochs")
LOSS = Axis("train_loss", "training loss")
TRAIN, TEST = Axis("train_accuracy", "train accuracy"), Axis("test_accuracy", "test accuracy")


def curve_figures(frames: Frames, subtitle: str) -> Iterator[tuple[str, Figure]]:
    """(file name, figure) for every comparison that these trials contain."""
    inputs = inputs_of(frames.trials)
    if inputs is not None:
        title = "Effect of different inputs on"
        loss, accuracy = (Subject(f"{title} {end}", *inputs) for end in ("convergence", "training"))
        yield "inputs_loss", curves_figure(loss, frames.epochs, STEPS, [LOSS], subtitle, _published_inputs())
        yield "inputs_accuracy", curves_figure(accuracy, frames.epochs, STEPS, [TRAIN], subtitle, None)
    norms = batch_norms_of(frames.trials)
    if norms is not None:
        subject = Subject("Effect of Implicit Regularisation", *norms)
        yield "batch_norm", curves_figure(subject, frames.epochs, EPOCHS, [TRAIN, TEST], subtitle, _published_norm())
    explicit = regularizers_of(frames.trials)
    if explicit is not None:
        subject = Subject("Effect of Explicit Regularization on\nGeneralization Performance", *explicit)
        axes = [TRAIN, TEST]
        yield "explicit_regularization", curves_figure(subject, frames.epochs, THOUSAND_STEPS, axes, subtitle, None)


Chosen = tuple[pd.DataFrame, "pd.Series[str]", tuple[str, ...], tuple[str, ...]]


def inputs_of(trials: pd.DataFrame) -> Chosen | None:
    """The trials of the five input conditions, where some pixels are corrupted."""
    if (trials["pixel_corruption"] == "none").all():
        return None
    lines = condition(trials)
    chosen = trials[lines.notna()]
    return chosen, lines[chosen.index], CONDITIONS, ("label_corruption", "pixel_corruption")


def batch_norms_of(trials: pd.DataFrame) -> Chosen | None:
    """The trials, without explicit regularizers, of models that ran with BatchNorm on and off."""
    plain = trials[regularizers(trials) == "none"]
    both = plain.groupby("model", observed=True)["batch_norm"].nunique()
    chosen = plain[plain["model"].isin(both.index[both == 2])]
    if chosen.empty:
        return None
    names = ("BatchNorm on", "BatchNorm off")
    lines = chosen["batch_norm"].map({True: names[0], False: names[1]}).astype("string")
    return chosen, lines, names, ("batch_norm",)


def regularizers_of(trials: pd.DataFrame) -> Chosen | None:
    """The trials on true labels and pixels, where their explicit regularizers differ."""
    chosen = trials[condition(trials) == CONDITIONS[0]]
    lines = regularizers(chosen)
    if lines.nunique() < 2:
        return None
    return chosen, lines, tuple(sorted(lines.unique(), key=lambda text: (text != "none", text))), REGULARIZERS


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
    return Published("published (the seed): Inception on CIFAR-10, n = 1", "epochs", points)
