"""What a run needs before its first trial starts: data on this machine, and specs that fit them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from shlex import quote

from rethink.data.betons.beton import PreparedData
from rethink.data.for_spec import prepare_for
from rethink.data.spec_checks import check_fits
from rethink.errors import RethinkError, SpecError
from rethink.ray_backend.registrations import Entries
from rethink.records.run_directory import RunDirectory
from rethink.records.run_record import StoredData
from rethink.run_options import RunOptions
from rethink.runs.trial_run import check_last_batches, check_own_models
from rethink.spec import TrialSpec
from rethink.sweep.sweep import Sweep
from rethink.training.cost import expected_cost
from rethink.weights.compatibility import check_start, check_start_fits
from rethink.weights.weight_file import WeightFile


def check_known(specs: Sequence[TrialSpec], run: RunDirectory) -> None:
    try:
        Entries.named_by(specs)
    except RethinkError as error:
        command = f"python FILE --resume {quote(str(run.root))}"
        raise SpecError(f"{error}; a file of your own that registers it resumes the run: {command}") from None


def prepare_all(specs: Sequence[TrialSpec], options: RunOptions, weights: WeightFile | None) -> dict[str, PreparedData]:
    by_data = {spec.stored_data: spec for spec in specs}
    prepared = {name: prepare_for(spec, options.places) for name, spec in by_data.items()}
    for name, data in prepared.items():
        of_data = [spec for spec in specs if spec.stored_data == name]
        check_own_models(of_data, data.classes)
        check_last_batches(of_data, data.train.samples, data.classes)
    for spec in specs:
        check_fits(spec, prepared[spec.stored_data])
        cost_of(spec, prepared)  # builds the network for these classes, without memory
        if weights is not None:
            check_start_fits(weights, spec, prepared[spec.stored_data].classes)
    return prepared


def check_start_from(spec: TrialSpec, weights: WeightFile | None) -> None:
    if weights is None or weights.sha256 != spec.start_from:
        raise SpecError(
            f"start_from = {spec.start_from!r} is not allowed: `rethink train-from FILE` starts from a file"
        )
    check_start(weights, spec)


def cost_of(spec: TrialSpec, prepared: Mapping[str, PreparedData]) -> float:
    data = prepared[spec.stored_data]
    return expected_cost(spec, data.train.samples, data.classes)


def default_name(sweep: Sweep, variant: str) -> str:
    return f"{sweep.name}-{variant}-{datetime.now():%Y%m%d-%H%M%S}"


def described(data: PreparedData) -> StoredData:
    return StoredData(
        content_sha256=data.content_sha256,
        train_samples=data.train.samples,
        test_samples=data.test.samples,
        classes=data.classes,
        class_names=tuple(data.class_names),
    )
