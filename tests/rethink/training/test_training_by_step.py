"""Training inside epochs: rows every so many steps, restores between any two steps, the networks of ImageNet."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rethink.records.record import Record
from rethink.training.loop import Training
from tests.undisturbed import without_times

MakeTraining = Callable[..., Training]
# 200 samples in batches of 32: seven steps an epoch, the last one of 8.
BY_STEP: dict[str, Any] = {"batch_size": 32, "evaluate_steps": 3, "test_every": 0, "max_epochs": 3, "dropout": 0.5}


def rows(training: Training) -> list[dict[str, Any]]:
    return [without_times(record.to_dict()) for record in training.records()]


def weights(training: Training) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in training.learner.network.state_dict().values())


def test_a_row_comes_at_every_evaluation_and_after_every_epoch(make_training: MakeTraining) -> None:
    made = rows(make_training(**BY_STEP))
    assert [row["steps"] for row in made] == [3, 6, 7, 9, 12, 14, 15, 18, 21]
    assert [row["row"] for row in made] == list(range(1, 10))
    assert [row["epoch"] for row in made] == [0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert [row["images_seen"] for row in made] == [96, 192, 200, 264, 360, 400, 432, 528, 600]
    assert [row["fitted"] is None for row in made] == [row["steps"] % 7 != 0 for row in made]
    evaluated = [row["steps"] for row in made if row["test_accuracy"] is not None]
    assert evaluated == [3, 6, 9, 12, 15, 18, 21]
    assert made[-1]["exact_train_accuracy"] is not None


def test_evaluations_change_nothing_of_the_training(make_training: MakeTraining) -> None:
    """Nor of the rows after whole epochs: their running means are over the epoch, as ever."""
    watched, unwatched = make_training(**BY_STEP), make_training(**{**BY_STEP, "evaluate_steps": None})
    often, seldom = rows(watched), rows(unwatched)
    assert weights(watched) == weights(unwatched)
    by_steps = {row["steps"]: row for row in often}
    evaluated = {"row", "test_loss", "test_accuracy", "test_top5_accuracy"}
    for row in seldom:
        assert {k: v for k, v in by_steps[row["steps"]].items() if k not in evaluated} == {
            k: v for k, v in row.items() if k not in evaluated
        }


@pytest.mark.parametrize("name", ["train_loss", "train_accuracy"])
@pytest.mark.slow
def test_running_means_inside_epochs_are_over_the_steps_between_two_evaluations(
    make_training: MakeTraining, name: str
) -> None:
    """Whatever epochs those lie in: against single steps, as told by a trial that is evaluated after each."""
    often = {row["steps"]: row for row in rows(make_training(**BY_STEP))}
    single = {row["steps"]: row for row in rows(make_training(**{**BY_STEP, "evaluate_steps": 1}))}
    total = {steps: 32 * single[steps][name] for steps in single}  # over the images of a step
    for last in (7, 14, 21):  # of an epoch, whose row is of the whole epoch
        total[last] = 200 * single[last][name] - sum(total[steps] for steps in range(last - 6, last))
    for end in (3, 6, 9, 12, 15, 18):
        images = 72 if end in (9, 15) else 96  # with the last step of an epoch, of 8 images, or without
        assert often[end][name] == pytest.approx(sum(total[steps] for steps in range(end - 2, end + 1)) / images)
    assert often[14][name] == pytest.approx(sum(total[steps] for steps in range(8, 15)) / 200)


def test_a_restore_goes_on_with_the_clock(make_training: MakeTraining) -> None:
    stopped, resumed = make_training(**BY_STEP), make_training(**BY_STEP)
    next(stopped.steps_and_records())
    state = stopped.state_dict()
    state["since_row"]["seconds"] = 100.0
    resumed.load_state_dict(state)
    first = next(resumed.records())
    assert 100 < first.train_seconds < 110
    assert first.images_per_second == pytest.approx(96 / first.train_seconds)


@pytest.mark.parametrize("stop", [1, 2, 4, 6, 7, 8, 10])
def test_a_trial_stopped_between_any_two_steps_goes_on_bit_for_bit(
    make_training: MakeTraining, tmp_path: Path, stop: int
) -> None:
    undisturbed = make_training(**BY_STEP)
    expected = rows(undisturbed)
    stopped = make_training(**BY_STEP)
    before = [item for item in itertools.islice(stopped.steps_and_records(), stop) if item is not None]
    torch.save(stopped.state_dict(), tmp_path / "state.pt")
    torch.manual_seed(123)  # what else happened in the process must not matter
    resumed = make_training(**BY_STEP)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert [without_times(record.to_dict()) for record in before] + rows(resumed) == expected
    assert weights(resumed) == weights(undisturbed)


@pytest.mark.slow
def test_trials_that_take_turns_do_not_disturb_each_other(make_training: MakeTraining) -> None:
    fields = [{**BY_STEP, "seed": seed} for seed in (0, 1)]
    expected = [rows(make_training(**own)) for own in fields]
    both = [make_training(**own) for own in fields]
    taken: list[list[Record]] = [[], []]
    for _ in range(9):
        for training, own in zip(both, taken, strict=True):
            own.append(next(training.records()))
    assert [[without_times(record.to_dict()) for record in own] for own in taken] == expected


def test_max_steps_ends_a_trial_inside_an_epoch_with_its_final_scores(make_training: MakeTraining) -> None:
    last = rows(make_training(**{**BY_STEP, "evaluate_steps": None, "max_steps": 10}))[-1]
    assert (last["steps"], last["epoch"], last["fitted"]) == (10, 1, None)
    assert None not in (last["test_accuracy"], last["exact_train_accuracy"], last["exact_train_top5_accuracy"])


def test_a_part_of_the_training_set_is_scored_with_the_test_set(make_training: MakeTraining) -> None:
    training = make_training(**BY_STEP, train_eval_samples=60)
    data, record = training._data, next(training.records())
    part = data.subset[:60]
    assert np.bincount(data.labels.true[part]).tolist() == [6] * 10, "the part is not balanced"
    pixels = torch.cat([batch.images.clone() for batch in data.train.batches(part, 30)])
    with torch.no_grad():
        logits = training.learner.network.eval()(pixels).numpy()
    given = data.labels.given[part]
    order = np.argsort(-logits, axis=1)
    assert record.train_eval_accuracy == (order[:, 0] == given).mean()
    assert record.train_eval_top5_accuracy == (order[:, :5] == given[:, None]).any(1).mean()
    assert all(row["train_eval_accuracy"] is None for row in rows(make_training(**BY_STEP)))


def test_all_of_the_training_set_as_that_part_gives_the_exact_accuracy(make_training: MakeTraining) -> None:
    last = rows(make_training(**{**BY_STEP, "max_epochs": 1}, train_eval_samples=200))[-1]
    assert last["train_eval_accuracy"] == last["exact_train_accuracy"]
    assert last["train_eval_top5_accuracy"] == last["exact_train_top5_accuracy"]


def test_the_learning_rate_decays_after_the_images_that_the_spec_says(make_training: MakeTraining) -> None:
    made = rows(make_training(**BY_STEP, decay_images=100, learning_rate_decay=0.5, learning_rate=0.08))
    seen = [0.08 * 0.5 ** ((row["images_seen"] - (8 if row["fitted"] is not None else 32)) // 100) for row in made]
    assert [row["learning_rate"] for row in made] == seen


def test_a_clipped_gradient_moves_weights_by_its_norm_at_most(make_training: MakeTraining) -> None:
    plain: dict[str, Any] = {"momentum": 0.0, "learning_rate": 0.5, "max_steps": 1}
    moved = {}
    for clip in (None, 0.01):
        training = make_training(**plain, gradient_clip=clip)
        before = torch.cat([weight.detach().flatten().clone() for weight in training.learner.network.parameters()])
        rows(training)
        after = torch.cat([weight.detach().flatten() for weight in training.learner.network.parameters()])
        moved[clip] = (after - before).norm().item()
    assert moved[None] > 0.5 * 0.01
    assert moved[0.01] == pytest.approx(0.5 * 0.01, rel=1e-3)


@pytest.mark.parametrize(("given", "counts"), [(None, 0.4), (0.0, 0.0), (1.5, 1.5)])
def test_the_auxiliary_classifiers_loss_counts_with_its_weight(
    make_imagenet_training: MakeTraining, given: float | None, counts: float
) -> None:
    """The first step descends loss + weight · auxiliary loss, computed here; recorded is the loss alone."""
    training = make_imagenet_training(max_steps=1, momentum=0.0, learning_rate=1.0, auxiliary_weight=given)
    network, data = training.learner.network, training._data
    twin = make_imagenet_training(max_steps=1).learner.network
    batch = next(data.train.batches(training._epoch_order()[:8], 8))
    logits, auxiliary = twin.train()(batch.images.clone())
    loss = F.cross_entropy(logits, batch.labels.clone())
    (loss + counts * F.cross_entropy(auxiliary, batch.labels.clone())).backward()
    expected = {name: weight.detach() - weight.grad for name, weight in twin.named_parameters()}
    record = next(training.records())
    assert record.train_loss == pytest.approx(loss.item(), rel=1e-6)
    for name, weight in network.named_parameters():
        torch.testing.assert_close(weight.detach(), expected[name], rtol=1e-4, atol=1e-5)


IMAGENET: dict[str, Any] = {
    "protocol": "szegedy2016",
    "batch_size": 8,
    "dropout": 0.2,
    "weight_decay": 4e-5,
    "random_resized_crop": True,
    "flip": True,
    "label_corruption": 0.5,
    "evaluate_steps": 4,
    "train_eval_samples": 6,
    "max_epochs": 2,
}


SEEDS: dict[str, Any] = {**IMAGENET, "protocol": "original", "random_resized_crop": False, "rotation": 25}


@pytest.mark.parametrize("recipe", [IMAGENET, SEEDS], ids=["szegedy2016", "seed"])
@pytest.mark.slow
def test_imagenets_recipe_stopped_in_mid_epoch_goes_on_bit_for_bit(
    make_imagenet_training: MakeTraining, tmp_path: Path, recipe: dict[str, Any]
) -> None:
    undisturbed = make_imagenet_training(**recipe)
    expected = rows(undisturbed)
    assert [row["steps"] for row in expected] == [4, 6, 8, 12]
    stopped = make_imagenet_training(**recipe)
    list(itertools.islice(stopped.steps_and_records(), 9))
    torch.save(stopped.state_dict(), tmp_path / "state.pt")
    resumed = make_imagenet_training(**recipe)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert rows(resumed) == expected[-1:]
    assert weights(resumed) == weights(undisturbed)
    assert all(row["test_top5_accuracy"] >= row["test_accuracy"] for row in expected if row["test_accuracy"])


@pytest.mark.slow
def test_alexnet_trains_on_224_pixels_of_jpeg_images(make_imagenet_training: MakeTraining) -> None:
    fields: dict[str, Any] = {"model": "alexnet", "width": None, "dropout": 0.5, "random_resized_crop": True}
    training = make_imagenet_training(**fields, normalization="imagenet", max_steps=2)
    (batch,) = training._data.train.batches(np.arange(3), 3)
    assert batch.images.shape == (3, 3, 224, 224)
    before = weights(training)
    (row,) = rows(training)
    assert (row["steps"], row["exact_train_accuracy"] is not None) == (2, True)
    assert weights(training) != before
