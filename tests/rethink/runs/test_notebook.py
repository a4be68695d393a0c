"""The notebook of docs/ runs from top to bottom on a folder of runs, as its reader will run it."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from rethink.cli.command_line import main
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[3]
NOTEBOOK = ROOT / "docs" / "results.ipynb"


@pytest.mark.filterwarnings("ignore:Kernel is running over TCP")
def test_every_cell_runs_and_shows_the_numbers_of_the_runs(
    tmp_path: Path, cache_dir: Path, local_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = ["--label-corruption", "0", "0.4", "1", "--train-samples", "100"]
    places = ["--storage", str(tmp_path / "runs"), "--cache-dir", str(cache_dir), "--name", "first"]
    assert main(["run", "label_corruption", "--smoke", "--model", "mlp_1x512", *levels, *places]) == 0
    folder = tmp_path / "docs"
    folder.mkdir()
    shutil.copy(NOTEBOOK, folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=int(PATIENCE), kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = ["".join(output["data"].get("text/plain", "") for output in cell.outputs) for cell in cells]
    assert all(shown), "a cell shows nothing"
    assert "first" in shown[0]
    assert any("image/png" in output["data"] for output in cells[-1].outputs)


def test_the_outputs_on_display_come_from_a_run() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs and cell.execution_count == number for number, cell in enumerate(code, start=1))
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
