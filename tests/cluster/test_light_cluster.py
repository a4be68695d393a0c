"""A sweep on a cluster of two Ray nodes loses one of them; test_pretend_cluster.py has whole machines."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rethink.records.run_directory import RunDirectory
from rethink.training.loop import Training
from tests.cluster import two_nodes
from tests.patience import PATIENCE, wait_for
from tests.rethink.runs.test_faults import SEEDS, SWEEP, assert_undisturbed, running

ENVIRONMENT = two_nodes.made_for(os.environ)


@pytest.fixture
def nodes() -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, two_nodes.__file__], env=ENVIRONMENT, text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield process
    try:
        process.communicate("\n\n", timeout=PATIENCE)
    finally:
        process.kill()


def start(name: str, address: str, storage: Path, cache_dir: Path) -> "subprocess.Popen[str]":
    places = ["--storage", str(storage), "--cache-dir", str(cache_dir), "--ray-address", address, "--name", name]
    return subprocess.Popen(
        [sys.executable, "-m", "rethink", "run", *SWEEP, *SEEDS, *places],
        env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_a_cluster_that_cannot_be_joined_is_refused_in_one_line(tmp_path: Path, cache_dir: Path) -> None:
    sweep = start("nowhere", "127.0.0.1:1", tmp_path, cache_dir)
    output, _ = sweep.communicate(timeout=PATIENCE)
    assert sweep.returncode == 2
    (line,) = output.splitlines()
    assert "ray_address = '127.0.0.1:1' cannot be joined" in line
    assert line.endswith("Connection refused")
    assert not (tmp_path / "nowhere").exists()


def test_a_node_lost_in_mid_sweep_changes_no_row(
    nodes: "subprocess.Popen[str]",
    tmp_path: Path,
    cache_dir: Path,
    prepared: Any,
    make_training: Callable[..., Training],
) -> None:
    assert nodes.stdin is not None
    assert nodes.stdout is not None
    address, raylet = nodes.stdout.readline().split()
    run = RunDirectory(tmp_path / "lost")

    def victims() -> list[str]:
        workers = {child.pid for child in psutil.Process(int(raylet)).children(recursive=True)}
        return [spec.spec_id for spec, pid in running(run) if pid in workers]

    sweep = start("lost", address, tmp_path, cache_dir)
    lost = wait_for(victims)
    nodes.stdin.write("\n")
    nodes.stdin.flush()
    output = sweep.communicate(timeout=PATIENCE)[0]
    assert sweep.returncode == 0, output
    assert f"cluster      {address}: 2 nodes, 2 CPUs" in output
    for spec_id in lost:
        attempts = run.read_attempts(spec_id)
        assert len(attempts) > 1
        assert attempts[-1].header.resumed_from_steps > 0, "it started anew instead of resuming"
    assert_undisturbed(run, make_training)
