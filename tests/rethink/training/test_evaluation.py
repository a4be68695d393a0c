"""Evaluation: the rank of a label among the logits, ties and non-finite numbers included."""

import numpy as np
import torch

from rethink.training.evaluation import label_ranks


def test_ranks_are_those_of_a_stable_sort() -> None:
    random = np.random.default_rng(0)
    logits = random.integers(0, 4, (200, 9)).astype(np.float32)  # full of ties
    labels = random.integers(0, 9, 200)
    order = np.argsort(-logits, axis=1, kind="stable")
    expected = np.argmax(order == labels[:, None], axis=1)
    ranks = label_ranks(torch.from_numpy(logits), torch.from_numpy(labels))
    assert ranks.tolist() == expected.tolist()
    assert (ranks < 1).tolist() == (torch.from_numpy(logits).argmax(1).numpy() == labels).tolist()


def test_a_network_that_says_nothing_is_right_five_times_in_c() -> None:
    """Equal logits must not be five right answers: over all labels, five of the C count."""
    logits, labels = torch.zeros(20, 20), torch.arange(20)
    assert int((label_ranks(logits, labels) < 5).sum()) == 5


def test_a_logit_that_is_not_a_number_is_never_right() -> None:
    logits = torch.zeros(3, 6)
    logits[0] = torch.nan
    logits[1, 2] = torch.nan
    logits[2, 2] = torch.inf
    assert label_ranks(logits, torch.tensor([2, 2, 2])).tolist() == [6, 6, 0]
