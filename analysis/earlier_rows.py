"""Rows as versions wrote them that had one row an epoch and no top-5: with what has been added to a row since."""

from typing import Any

_SCORES = (
    "test_top5_accuracy",
    "train_eval_accuracy",
    "train_eval_top5_accuracy",
    "exact_train_top5_accuracy",
)
_ADDED = frozenset(("row", *_SCORES))


def completed(row: dict[str, Any]) -> dict[str, Any]:
    """The row with all that was added to rows together, if it lacks all of it; any other row as it is."""
    if not row.keys().isdisjoint(_ADDED):
        return row
    return {**row, "row": row.get("epoch"), **dict.fromkeys(_SCORES)}
