"""The label sweep as the original project ran it, written the way it is usually written. Run by original_loop.py.

One trial after another in one process: batches of 32, a constant learning rate of 0.001, pixels in [-1, 1], torchvision
transforms on every access, a DataLoader, full passes over the training and the test set after every epoch.
"""

import argparse
import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms

from benchmarks.recipe_sweep import accuracy, load_data

BATCH_SIZE, LEARNING_RATE, MOMENTUM = 32, 0.001, 0.9


def train(level: float, seed: int, train_samples: int, max_epochs: int) -> dict[str, float]:
    """Train one trial to 100% train accuracy; its epochs and seconds."""
    started = time.perf_counter()
    torch.manual_seed(seed)
    train_set, test_set = load_data(train_samples, level)
    for own in (train_set, test_set):
        own.transform = transforms.Compose(
            [transforms.ToPILImage(), transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
        )
    train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True)
    eval_loader = DataLoader(train_set, batch_size=BATCH_SIZE)
    test_loader = DataLoader(test_set, batch_size=BATCH_SIZE)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, 512), nn.ReLU(), nn.Linear(512, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    epoch, train_accuracy = 0, 0.0
    while train_accuracy < 1 and epoch < max_epochs:
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        epoch += 1
        train_accuracy, _ = accuracy(model, eval_loader), accuracy(model, test_loader)
    return {"epochs": epoch, "seconds": time.perf_counter() - started}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--storage", type=Path, required=True)
    parser.add_argument("--levels", type=float, nargs="+", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--train-samples", type=int, required=True)
    parser.add_argument("--max-epochs", type=int, default=1000)
    arguments = parser.parse_args()
    trials = [
        train(level, seed, arguments.train_samples, arguments.max_epochs)
        for level in arguments.levels
        for seed in arguments.seeds
    ]
    (arguments.storage / "trials.json").write_text(json.dumps(trials))


if __name__ == "__main__":
    main()
