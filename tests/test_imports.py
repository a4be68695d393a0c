"""The rooms: no import runs upwards, no two rooms import each other, and each library is used in one room."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for room in ("rethink", "analysis", "sweeps") for path in (ROOT / room).rglob("*.py"))

# From the top down. A room is a folder without the rooms in it, or a file; it imports from itself and rooms below it.
FLOORS = [
    "rethink.__main__",
    "sweeps",
    "rethink.cli",
    "rethink.notebook",
    "analysis.commands",
    "analysis.report",
    "analysis.figures",
    "analysis.figures.ranking",
    "analysis.figures.style",
    "analysis.figures.svg",
    "analysis.tables",
    "analysis.query",
    "analysis.statistics",
    "analysis.captions",
    "analysis.grouping",
    "analysis.ranking",
    "analysis.frames",
    "analysis.reading",
    "analysis.schema",
    "analysis.published",
    "analysis",
    "rethink.runs",
    "rethink.runs.display",
    "rethink.runs.labels",
    "rethink.ray_backend",
    "rethink.measuring",
    "rethink.trial",
    "rethink.weights",
    "rethink.measures",
    "rethink.training",
    "rethink.sweep",
    "rethink.models",
    "rethink.records.measures",
    "rethink.records",
    "rethink.run_options",
    "rethink.data.embedded",
    "rethink.data",
    "rethink.data.resident",
    "rethink.data.streams",
    "rethink.data.betons",
    "rethink.data.betons.jpeg",
    "rethink.data.betons.writing",
    "rethink.data.sources",
    "rethink.data.sources.cifar10",
    "rethink.data.sources.contract",
    "rethink.data.sources.trees",
    "rethink.data.ffcv_bridge",
    "rethink.corruption",
    "rethink.kernel",
    "rethink.randomness",
    "rethink.registry",
    "rethink.entry_checks",
    "rethink.spec",
    "rethink.spec.fields",
    "rethink.spec.folder",
    "rethink.spec.text",
    "rethink.files",
    "rethink.interruption",
    "rethink.terminal",
    "rethink",
    "rethink.own_code",
    "rethink.own_packages",
    "rethink.errors",
]
# analysis reads what runs wrote; it runs and trains nothing.
ANALYSIS_MAY_IMPORT = {
    "analysis",
    "rethink.records",
    "rethink.records.measures",
    "rethink.spec",
    "rethink.spec.fields",
    "rethink.files",
    "rethink.errors",
}
ONLY_COMMANDS_MAY_IMPORT = {"rethink.terminal"}
LONGEST_CLASS = 120  # lines
KNOWS_RAY = {"rethink.ray_backend"}
KNOWS_FFCV = {"rethink.data.ffcv_bridge"}
PURE = ("rethink.corruption", "rethink.randomness")


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


def own(names: set[str]) -> set[str]:
    """The project's modules among imported names, which may end in a function or class."""
    known = {name_of(path) for path in MODULES}
    return {
        n if n in known else n.rsplit(".", 1)[0] for n in names if n.split(".")[0] in ("rethink", "sweeps", "analysis")
    }


def room_of(module: str) -> str:
    return max((room for room in FLOORS if f"{module}.".startswith(f"{room}.")), key=len)


def test_every_module_has_a_room_of_at_most_twelve_files() -> None:
    rooms = {path.parent: len(list(path.parent.glob("*.py"))) for path in MODULES}
    assert {str(folder): files for folder, files in rooms.items() if files > 12} == {}
    for path in MODULES:
        module = name_of(path)
        assert room_of(module) in (module, module.rpartition(".")[0]), f"{module} has no room: give it one in FLOORS"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_class_is_longer_than_it_can_be_read_at_once(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LONGEST_CLASS, node.name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_import_runs_upwards(path: Path) -> None:
    room = room_of(name_of(path))
    for imported in own(imports_of(path)):
        assert FLOORS.index(room_of(imported)) >= FLOORS.index(room), f"{name_of(path)} imports {imported}"


@pytest.mark.parametrize("path", [path for path in MODULES if name_of(path).startswith("analysis")], ids=name_of)
def test_analysis_knows_what_runs_wrote_alone(path: Path) -> None:
    allowed = ANALYSIS_MAY_IMPORT | (ONLY_COMMANDS_MAY_IMPORT if name_of(path) == "analysis.commands" else set())
    for imported in own(imports_of(path)):
        assert room_of(imported) in allowed or imported.startswith("analysis."), imported


@pytest.mark.parametrize(("library", "knowers"), [("ray", KNOWS_RAY), ("ffcv", KNOWS_FFCV)])
def test_a_library_is_known_to_one_room(library: str, knowers: set[str]) -> None:
    knowing = [path for path in MODULES if library in {name.split(".")[0] for name in imports_of(path)}]
    assert {room_of(name_of(path)) for path in knowing} == knowers


@pytest.mark.parametrize("path", [path for path in MODULES if name_of(path).startswith(PURE)], ids=name_of)
def test_what_is_pure_knows_neither_torch_nor_ffcv(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(path)} & {"torch", "ffcv", "ray"}


def test_training_knows_no_files_and_no_tensorboard() -> None:
    imported = imports_of(ROOT / "rethink/training/loop.py")
    assert not {name for name in imported if "tensorboard" in name or "run_directory" in name or "pathlib" in name}
