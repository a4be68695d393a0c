"""The commands around data and weights: prepare, export, evaluate, measure. Each imports what it needs when chosen."""

import argparse
import math
import os
import shlex
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rethink.cli.one_line import OneLineParser
from rethink.cli.options import add_field_options, add_run_options, folder, given_fields, run_options
from rethink.data import sources
from rethink.data.sources import JpegForm
from rethink.errors import SpecError
from rethink.interruption import going_on_with
from rethink.records.outputs import check_folder
from rethink.records.run_directory import find_runs
from rethink.spec import shown
from rethink.sweep.recipes import STORED_FORM

if TYPE_CHECKING:
    from rethink.data.betons.beton import PreparedData

DEVICES = ("cpu", "cuda")
PLACES = ("data_dir", "cache_dir", "writers", "skip_broken")
MEASURED_IN = ("data_dir", "cache_dir")
MOST_PROCESSES = 1024
LABELS = ("train_samples", "label_corruption", "corruption_seed", "pixel_corruption")
EVALUATED_ON = ("dataset", "image_size", *STORED_FORM, "view", "normalization", *LABELS)


def add_parsers(commands: "argparse._SubParsersAction[OneLineParser]") -> None:
    """The parsers of COMMANDS."""
    prepared = commands.add_parser(
        "prepare", help="write a data set's betons, which a run otherwise does when it starts"
    )
    prepared.add_argument("dataset", choices=sources.names(), metavar="DATASET", help=", ".join(sources.names()))
    add_field_options(prepared, STORED_FORM, "how images are kept (default: the data set's usual form)")
    add_run_options(prepared, PLACES)
    exported = commands.add_parser("export", help="write a trial's weights as safetensors, with a model card")
    exported.add_argument("run", type=Path, help="run directory")
    exported.add_argument("trial", help="spec id, the beginning of one, or name of the trial")
    exported.add_argument("--output", type=folder, help="folder of the two files (default: exports/ in the run)")
    evaluated = commands.add_parser("evaluate", help="top-1 and top-5 accuracy of a file of weights, train and test")
    evaluated.add_argument("file", type=Path, help="an export, a run's checkpoint, or the original project's .pth.tar")
    evaluated.add_argument("--device", choices=DEVICES, help="default: cuda where there is one")
    add_field_options(evaluated, EVALUATED_ON, "what it is evaluated on (default: what the file says)")
    add_run_options(evaluated, PLACES)
    measured = commands.add_parser(
        "measure",
        help="add the complexity measures that finished trials lack, such as flatness, from their checkpoints",
        description="Measures what the finished trials of runs lack: flatness and Fisher-Rao, which no trial measures "
        "itself, and all others where a run of earlier code has none. A trial that is measured is not measured again.",
    )
    measured.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories")
    measured.add_argument("--processes", type=_processes, metavar="N", help="trials at once (default: one a CPU)")
    add_run_options(measured, MEASURED_IN)


def _processes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_PROCESSES:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not allowed: from 1 to {MOST_PROCESSES}")
    return int(text)


def _prepare(arguments: argparse.Namespace) -> int:
    from rethink.data.betons.prepare import prepare

    options, form = run_options(arguments), sources.get(arguments.dataset).jpeg
    sources.check_data_dir(options.data_dir, [arguments.dataset])
    given = given_fields(arguments, STORED_FORM)
    if form is not None:
        quality = given.get("jpeg_quality", form.quality)
        if quality is None:
            raise SpecError(f"jpeg_quality = None is not allowed: {arguments.dataset} is kept as JPEG (from 1 to 100)")
        form = JpegForm(given.get("max_side", form.max_side), quality)
    elif given:
        raise SpecError(f"{', '.join(given)} is not allowed: {arguments.dataset} is not kept as JPEG")
    writing = options.places.writing
    print(_about(prepare(arguments.dataset, options.data_dir, options.cache_dir, form, writing)))
    return 0


def _about(data: "PreparedData") -> str:
    lines = [f"{data.source}: {data.classes} classes, content {data.content_sha256[:12]}"]
    for name, beton in (("train", data.train), ("test", data.test)):
        left_out = f", {len(beton.skipped):,} broken ones left out" if beton.skipped else ""
        lines.append(f"{name:6}{beton.samples:>10,} images, {beton.file_size / 1e6:,.1f} MB{left_out}  {beton.path}")
    return "\n".join(lines)


def _export(arguments: argparse.Namespace) -> int:
    from rethink.weights.export import export_trial

    (run,) = find_runs([arguments.run])
    output = arguments.output or run.root / "exports"
    check_folder(output)
    for path in export_trial(run, arguments.trial, output):
        print(path)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    import torch

    from rethink.weights.evaluation import evaluate_weights, spec_to_evaluate, to_text
    from rethink.weights.reading import read_weights

    file = read_weights(arguments.file)
    spec = spec_to_evaluate(file, given_fields(arguments, EVALUATED_ON))
    options = run_options(arguments)
    sources.check_data_dir(options.data_dir, [spec.dataset])
    device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise SpecError("device = 'cuda' is not allowed: torch finds no GPU here; cpu")
    result = evaluate_weights(file, spec, options.places, device)
    for name, scores in result.scores.items():
        if not math.isfinite(scores.loss):
            warnings.warn(
                f"{file.path}: its loss on the {name} images is not finite: ignore the accuracy",
                stacklevel=1,
            )
    print(to_text(file, result))
    return 0


def _measure(arguments: argparse.Namespace) -> int:
    runs = list(find_runs(arguments.runs))
    from rethink.measuring.runs import measure_runs

    places = run_options(arguments).places if arguments.data_dir or arguments.cache_dir else None
    processes = arguments.processes or len(os.sched_getaffinity(0))
    with going_on_with(shlex.join(["rethink", "measure", *map(str, arguments.runs)])):
        all_measured = measure_runs(runs, places, processes, lambda line: print(line, flush=True))
    return 0 if all_measured else 1


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "prepare": _prepare,
    "export": _export,
    "evaluate": _evaluate,
    "measure": _measure,
}
