"""Export of a trial's weights as safetensors, with a model card in JSON that describes them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import safetensors.torch

from rethink.errors import SpecError
from rethink.records.outputs import file_in, write
from rethink.records.provenance import versions
from rethink.records.record import stop_reason
from rethink.records.rows import rows_of
from rethink.records.run_directory import RunDirectory
from rethink.spec import TrialSpec
from rethink.weights.checkpoints import read_state
from rethink.weights.compatibility import check_weights_fit
from rethink.weights.export_card import card_path, card_text
from rethink.weights.weight_file import EXPORT_SUFFIX, WeightFile, of_state

MOST_CHOICES = 10  # that an error lists
BEST = ("test_accuracy", "test_top5_accuracy")


def export_trial(run: RunDirectory, trial: str, folder: Path) -> tuple[Path, Path]:
    """Write `<trial's name>.safetensors` and `.json` from the trial's newest checkpoint; return both paths.

    `trial` is a spec id, the beginning of one, or a trial's name. Raises SpecError unless that names exactly one trial,
    and for a trial without a checkpoint, or with one that is damaged or not its own.
    """
    record = run.read_run()
    spec = _find(record.specs, trial)
    checkpoint = run.checkpoint(spec.spec_id)
    if not checkpoint.exists():
        raise SpecError(f"trial {spec.name} has no checkpoint: it has not begun, or {checkpoint} was removed")
    data = record.data[spec.stored_data]
    file = _read(checkpoint, run.run_id, spec, data.content_sha256)
    check_weights_fit(file, spec, data.classes)
    content = safetensors.torch.save({name: tensor.contiguous() for name, tensor in file.model.items()})
    weights = file_in(folder, f"{spec.name}{EXPORT_SUFFIX}")
    said = {
        "trial": spec.name,
        "spec": spec.to_dict(),
        "weights": {"file": weights.name, "sha256": hashlib.sha256(content).hexdigest()},
        "place": {"epoch": file.epoch, "steps": file.steps, "images_seen": file.images_seen},
        "metrics": _metrics(run, spec, file.steps, record.labels[spec.spec_id].attainable_accuracy),
        "data": msgspec.to_builtins(data),
        "versions": {"of the run": record.versions, "of the export": versions()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    write(weights, content)
    write(card_path(weights), card_text(said))
    return weights, card_path(weights)


def _read(checkpoint: Path, run_id: str, spec: TrialSpec, data_sha256: str) -> WeightFile:
    try:
        return of_state(checkpoint, *read_state(checkpoint, run_id, spec, data_sha256))
    except OSError as error:
        raise SpecError(f"cannot read {checkpoint} ({error.strerror})") from error


def _find(specs: Sequence[TrialSpec], trial: str) -> TrialSpec:
    found = [spec for spec in specs if trial == spec.name or (trial and spec.spec_id.startswith(trial))]
    if len(found) == 1:
        return found[0]
    choices = [f"{spec.spec_id} ({spec.name})" for spec in found or specs]
    more = f" and {len(choices) - MOST_CHOICES} more" if len(choices) > MOST_CHOICES else ""
    what = "stands for several trials" if found else "is not a trial of this run"
    raise SpecError(f"{trial!r} {what}; choose from {', '.join(choices[:MOST_CHOICES])}{more}")


def _metrics(run: RunDirectory, spec: TrialSpec, steps: int, attainable: float) -> dict[str, Any]:
    """The last row at or before the step of these weights, and the best values until then."""
    rows = [row for row in rows_of(run.read_attempts(spec.spec_id)).values() if row["steps"] <= steps]
    if not rows:
        return {"last_row": None}
    best = {name: max((row[name] for row in rows if row[name] is not None), default=None) for name in BEST}
    return {
        "last_row": rows[-1],
        "last_row_is_of_these_weights": rows[-1]["steps"] == steps,
        "stop_reason": stop_reason(spec, rows[-1], attainable),
        "best_on_the_test_set_so_far": best,
        "about_the_best": "early stopping's potential, chosen on the test set: neither a result nor these weights",
    }
