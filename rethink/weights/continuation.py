"""The sweep that trains on from a file of weights."""

from collections.abc import Collection
from typing import Any

from rethink.sweep.recipes import PROTOCOLS, STORED_FORM
from rethink.sweep.sweep import Sweep
from rethink.weights.evaluation import ORIGINAL_NETWORK
from rethink.weights.weight_file import WeightFile


def sweep_from(file: WeightFile, fields: Collection[str] = ()) -> Sweep:
    """The sweep of one trial that trains on from a file of weights; `fields` will override its own.

    What belongs to another protocol or data set than those asked for is left open.
    """
    if file.spec is None:
        block: dict[str, Any] = dict(ORIGINAL_NETWORK)
    else:
        recipe = {name for recipe in PROTOCOLS.values() for name in recipe} if "protocol" in fields else set()
        form = set(STORED_FORM) if "dataset" in fields else set()
        block = dict(file.spec.fields_except(recipe | form))
    return Sweep(
        name=f"from-{file.path.name.split('.')[0]}",
        about=f"Trains on from {file.path}.",
        variants={"default": [{**block, "start_from": file.sha256}]},
    )
