"""Evaluation of a file of weights: top-1 and top-5 accuracy on the whole training set and the test set."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from rethink.data.betons.beton import PreparedData
from rethink.data.for_spec import prepare_for
from rethink.data.places import DataPlaces
from rethink.data.spec_checks import check_fits
from rethink.data.trial_data import StreamPool
from rethink.errors import SpecError
from rethink.spec import TrialSpec
from rethink.sweep.recipes import complete
from rethink.training.cost import check_possible
from rethink.training.evaluation import Evaluator, Scores
from rethink.training.network import initialized_network
from rethink.weights.compatibility import check_weights_fit
from rethink.weights.weight_file import WeightFile

# For a file that does not say what it holds.
ORIGINAL_NETWORK = {"protocol": "original", "dataset": "imagenet", "model": "inception_v3"}
_OF_TRAINING = (
    "random_crop",
    "crop_padding",
    "random_resized_crop",
    "flip",
    "rotation",
    "train_eval_samples",
    "start_from",
)
_OF_THE_DATA_SET = ("max_side", "jpeg_quality", "train_samples", "label_corruption")  # not of another one
_OTHER_DATA = "         not the images, or not in the form, that it was trained on"


class Evaluated(NamedTuple):
    """The data of an evaluation, and the scores by split. `is_own`: the network was trained on it; none: unknown."""

    spec: TrialSpec
    images: dict[str, int]
    scores: dict[str, Scores]
    classes: int
    is_own: bool | None


def spec_to_evaluate(file: WeightFile, fields: Mapping[str, Any]) -> TrialSpec:
    """The file's own spec with these fields replaced; a file without a spec is the original project's Inception V3.

    So the network sees images as in training, unaugmented. Raises SpecError for a field that does not fit.
    """
    if file.spec is None:
        return complete({**ORIGINAL_NETWORK, **fields})
    left_out = set(_OF_TRAINING)
    if fields.get("dataset", file.spec.dataset) != file.spec.dataset:
        left_out.update(_OF_THE_DATA_SET)
    return complete({**dict(file.spec.fields_except(left_out)), **fields})


def maker_notes(file: WeightFile) -> list[str]:
    """A line that says what is assumed about a file that does not say how it was trained."""
    if file.spec is not None:
        return []
    return [
        f"{file.path} does not say how it was trained: by the original project's scripts, "
        "where no option says otherwise"
    ]


def evaluate_weights(file: WeightFile, spec: TrialSpec, places: DataPlaces, device: str) -> Evaluated:
    """Scores on the training set with the labels that the spec gives it, and on the test set.

    In evaluation mode, unaugmented, every image. Raises SpecError for weights that do not fit, saying what differs.
    """
    check_possible(spec)
    prepared = prepare_for(spec, places)
    check_fits(spec, prepared)
    check_weights_fit(file, spec, prepared.classes)
    _check_class_names(file, prepared)
    threads = torch.get_num_threads()
    data = StreamPool(read_ahead=device != "cpu", readers=threads).open(spec, prepared)
    network = _network(file, spec, prepared, torch.device(device))
    evaluator = Evaluator(network, torch.device(device), spec.precision)
    parts = {"train": (data.train, data.subset), "test": (data.test, np.arange(prepared.test.samples))}
    scores = {name: evaluator.scores(stream, indices) for name, (stream, indices) in parts.items()}
    is_own = None if file.data is None else file.data["content_sha256"] == prepared.content_sha256
    return Evaluated(spec, {name: len(part[1]) for name, part in parts.items()}, scores, prepared.classes, is_own)


def to_text(file: WeightFile, result: Evaluated) -> str:
    """The file, what it was evaluated on, and a line for each split."""
    spec = result.spec
    labels = f", labels corrupted at level {spec.label_corruption:g}" if spec.label_corruption else ""
    pixels = f", {spec.pixel_corruption}" if spec.pixel_corruption != "none" else ""
    views = f"view {spec.view}, " if spec.jpeg_quality is not None else ""
    lines = [
        *maker_notes(file),
        f"weights  {file.path}: {spec.model}, {result.classes} classes, after {file.steps:,} steps",
        f"images   {spec.dataset}, {views}{spec.image_size} pixels a side, normalization {spec.normalization}{pixels}",
        *([_OTHER_DATA] if result.is_own is False else []),
        "",
        f"{'':7}{'images':>10}{'top-1':>9}{'top-5':>9}",
    ]
    for name, scores in result.scores.items():
        top5 = f"{scores.top5_accuracy:.2%}" if result.classes > 5 else "-"
        note = labels if name == "train" else ""
        lines.append(f"{name:7}{result.images[name]:>10,}{scores.accuracy:>9.2%}{top5:>9}{note.replace(',', ' ', 1)}")
    return "\n".join(lines)


def _check_class_names(file: WeightFile, prepared: PreparedData) -> None:
    known = (file.data or {}).get("class_names")
    for number, (theirs, ours) in enumerate(zip(known or (), prepared.class_names, strict=False)):
        if theirs != ours:
            raise SpecError(f"class {number} of {file.path} is {theirs!r}, of {prepared.source} {ours!r}")


def _network(file: WeightFile, spec: TrialSpec, prepared: PreparedData, device: torch.device) -> torch.nn.Module:
    network = initialized_network(spec, (3, spec.image_size, spec.image_size), prepared.classes, device)
    network.load_state_dict(dict(file.model))
    return network
