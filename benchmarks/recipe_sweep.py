"""The common recipe for such a sweep, written the way it is usually written. Run by common_recipe.py, as a process.

A function trainable that reports every epoch, torchvision transforms on every access, a DataLoader, full passes over
train and test set every epoch, Tune's default loggers, a new actor for every trial.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
import torch.nn.functional as F
from ray import tune
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from rethink.corruption.labels import corrupt_labels
from rethink.data import sources
from rethink.data.sources import FileSplit, Split
from rethink.data.training_subset import balanced_subset

MEAN, STD = (0.2860,) * 3, (0.3530,) * 3  # of Fashion-MNIST, as usually given


class Images(Dataset[Any]):
    """Images (N, 28, 28, 3) uint8 in memory, transformed on every access."""

    def __init__(self, images: Any, labels: Any) -> None:
        self.images, self.labels = images, labels
        self.transform = transforms.Compose(
            [transforms.ToPILImage(), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), int(self.labels[index])


def load_data(train_samples: int, level: float) -> tuple[Images, Images]:
    """The very images and labels that the product's trial of that level sees."""
    data = sources.get("fashion_mnist_mini").open(None)
    assert not isinstance(data.train, FileSplit)
    assert not isinstance(data.test, FileSplit)
    images, true = _arrays(data.train)
    given = corrupt_labels(true, len(data.class_names), level, corruption_seed=0).given
    subset = balanced_subset(true, train_samples, 0)
    return Images(images[subset], given[subset]), Images(*_arrays(data.test))


def accuracy(model: nn.Module, loader: Iterable[Any]) -> float:
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for images, labels in loader:
            correct += (model(images).argmax(1) == labels).sum().item()
            total += len(labels)
    return correct / total


def train(config: dict[str, Any]) -> None:
    torch.manual_seed(config["seed"])
    train_set, test_set = load_data(config["train_samples"], config["level"])
    workers = {"num_workers": config["workers"], "persistent_workers": config["workers"] > 0}
    train_loader = DataLoader(train_set, batch_size=128, shuffle=True, **workers)
    eval_loader = DataLoader(train_set, batch_size=128, **workers)
    test_loader = DataLoader(test_set, batch_size=128, **workers)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, 512), nn.ReLU(), nn.Linear(512, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(1, config["max_epochs"] + 1):
        model.train()
        total_loss = 0.0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total_loss += loss.item()
        train_accuracy, test_accuracy = accuracy(model, eval_loader), accuracy(model, test_loader)
        mean_loss = total_loss / len(train_loader)
        tune.report({"epoch": epoch, "loss": mean_loss, "train_acc": train_accuracy, "test_acc": test_accuracy})
        if train_accuracy == 1.0:
            return


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--storage", type=Path, required=True)
    parser.add_argument("--levels", type=float, nargs="+", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--train-samples", type=int, required=True)
    parser.add_argument("--max-epochs", type=int, default=1000)
    parser.add_argument("--workers", type=int, required=True)
    arguments = parser.parse_args()
    ray.init(include_dashboard=False, log_to_driver=False)
    results = tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space={
            "level": tune.grid_search(arguments.levels),
            "seed": tune.grid_search(arguments.seeds),
            "train_samples": arguments.train_samples,
            "max_epochs": arguments.max_epochs,
            "workers": arguments.workers,
        },
        run_config=tune.RunConfig(storage_path=str(arguments.storage.absolute())),
    ).fit()
    trials = [{"epochs": r.metrics["epoch"], "seconds": r.metrics["time_total_s"]} for r in results]
    (arguments.storage / "trials.json").write_text(json.dumps(trials))


def _arrays(split: Split) -> tuple[Any, Any]:
    samples = [split[i] for i in range(len(split))]
    return np.stack([image for image, _ in samples]), np.array([label for _, label in samples])


if __name__ == "__main__":
    main()
