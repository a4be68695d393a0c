"""The ends of the original project's curves on ImageNet, by variant."""

from analysis.published import read


def original_variants() -> dict[str, list[tuple[float, float, float]]]:
    """(steps, train accuracy, test accuracy) where its curves end, by the names of imagenet_variants."""
    table = read("original_imagenet_explicit_regularization").table
    names = table["variant"].str.replace("_", " ").str.replace("lr", "LR").str.replace("+", " + ")
    points = list(zip(table["steps"], table["train_accuracy"], table["test_accuracy"], strict=True))
    return {name: [point for point, own in zip(points, names, strict=True) if own == name] for name in names}
