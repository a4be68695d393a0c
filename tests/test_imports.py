"""Imports run one way, and each library is known to few rooms."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for room in ("rethink", "analysis", "sweeps") for path in (ROOT / room).rglob("*.py"))

# From the bottom up: a module may import from its own layer and those below.
LAYERS = [
    [
        "rethink",
        "rethink.spec",
        "rethink.own_code",
        "rethink.entry_checks",
        "rethink.randomness",
        "rethink.json_errors",
        "rethink.checked_files",
        "rethink.failures",
        "rethink.os_errors",
        "rethink.ffcv_library",
        "rethink.ffcv_runtime",
        "rethink.provenance",
        "rethink.terminal",
        "rethink.node_check",
        "rethink.own_packages",
        "rethink.user_cache",
        "rethink.interruption",
    ],
    ["rethink.data.writing", "rethink.data.places"],
    ["rethink.metrics", "rethink.search", "rethink.halving", "rethink.run_options"],
    [
        "rethink.rows",
        "rethink.run_record",
        "rethink.run_directory",
        "rethink.tensorboard",
        "rethink.new_run",
        "rethink.outputs",
    ],
    ["rethink.checkpoint_file"],
    ["rethink.checkpoints", "rethink.export_card"],
    ["rethink.corruption"],
    ["rethink.data", "rethink.models"],
    [
        "rethink.evaluation",
        "rethink.cost",
        "rethink.entries",
        "rethink.protocol",
        "rethink.examples",
        "rethink.label_facts",
        "rethink.epoch_pass",
        "rethink.optimizers",
        "rethink.network",
        "rethink.weight_files",
    ],
    ["rethink.label_export", "rethink.export", "rethink.weight_evaluation"],
    ["rethink.training"],
    ["rethink.trial"],
    [
        "rethink.trainable",
        "rethink.schedulers",
        "rethink.restarts",
        "rethink.ray_log",
        "rethink.cluster",
        "rethink.sweep",
        "rethink.trial_run",
        "rethink.progress",
    ],
    ["rethink.reporter", "rethink.resumption"],
    ["rethink.runner"],
    ["rethink.options", "rethink.results"],
    ["rethink.weight_commands"],
    ["rethink.cli"],
    ["rethink.__main__"],
    ["sweeps"],
]
ANALYSIS_MAY_IMPORT = {
    "rethink.spec",
    "rethink.metrics",
    "rethink.rows",
    "rethink.run_record",
    "rethink.run_directory",
    "rethink.outputs",
    "rethink.checked_files",
}
KNOWS_RAY = {
    "rethink.trainable",
    "rethink.schedulers",
    "rethink.restarts",
    "rethink.reporter",
    "rethink.ray_log",
    "rethink.cluster",
    "rethink.runner",
}
KNOWS_FFCV = {"rethink.ffcv_runtime"}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer_of(name: str) -> int:
    matches = [
        (len(entry), number)
        for number, layer in enumerate(LAYERS)
        for entry in layer
        if name == entry or (name.startswith(f"{entry}.") and entry != "rethink")
    ]
    assert matches, f"{name} has no layer: give it one in LAYERS"
    return max(matches)[1]


def own(names: set[str]) -> set[str]:
    """The project's modules among imported names, which may end in a function or class."""
    known = {name_of(path) for path in MODULES}
    return {
        n if n in known else n.rsplit(".", 1)[0] for n in names if n.split(".")[0] in ("rethink", "sweeps", "analysis")
    }


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    name = name_of(path)
    for imported in own(imports_of(path)):
        if name.startswith("analysis"):
            assert imported in ANALYSIS_MAY_IMPORT or imported.startswith("analysis"), imported
        elif imported.startswith("analysis"):
            assert name == "rethink.results", f"{name} imports {imported}"
        elif (name, imported) != ("rethink.cli", "sweeps"):  # the folder, to list the sweep files in it
            assert layer_of(imported) <= layer_of(name), f"{name} imports {imported}"


@pytest.mark.parametrize(("library", "knowers"), [("ray", KNOWS_RAY), ("ffcv", KNOWS_FFCV)])
def test_a_library_is_known_to_few(library: str, knowers: set[str]) -> None:
    importers = {name_of(path) for path in MODULES if library in {name.split(".")[0] for name in imports_of(path)}}
    assert importers == knowers


def test_training_knows_no_files_and_no_tensorboard() -> None:
    imported = imports_of(ROOT / "rethink/training.py")
    assert not {name for name in imported if "tensorboard" in name or "run_directory" in name or "pathlib" in name}
