"""A run on one machine opens nothing beyond it, and its Ray asks for a token that only its own processes know."""

import contextlib
import ipaddress
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rethink.records.run_directory import RunDirectory
from tests.patience import PATIENCE, wait_for
from tests.rethink.runs.test_faults import SWEEP, running

JOIN = "import ray; ray.init(address='{}', logging_level='ERROR'); print('nodes', len(ray.nodes()))"


def sweep_processes(sweep: "subprocess.Popen[str]") -> list[psutil.Process]:
    """The driver and everything that it started, orphans included, by the mark in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MARK") == str(os.getpid()) or process.pid == sweep.pid:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def listeners(processes: list[psutil.Process]) -> dict[str, list[str]]:
    """By process name: the addresses at which it takes connections or datagrams."""
    found: dict[str, list[str]] = {}
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN or (not connection.raddr and connection.laddr):
                    found.setdefault(process.name(), []).append(connection.laddr.ip)
    return found


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path, prepared: Any) -> Iterator[dict[str, Any]]:
    """A running sweep with an empty home folder, as a new user has it."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "home").mkdir()
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    places = ["--storage", str(folder), "--cache-dir", str(cache_dir), "--name", "run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "rethink", "run", *SWEEP, *places, "--seed", *map(str, range(40))],
        env={**outside, "HOME": str(folder / "home"), "MARK": str(os.getpid())},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(lambda: bool(running(RunDirectory(folder / "run"))))
        yield {"process": process, "home": folder / "home"}
    finally:
        for started in sweep_processes(process):
            with contextlib.suppress(psutil.NoSuchProcess):
                started.kill()
        process.wait()


def test_every_listener_is_on_loopback(sweep: dict[str, Any]) -> None:
    found = listeners(sweep_processes(sweep["process"]))
    assert {"raylet", "gcs_server"} <= set(found), "Ray's own processes were not looked at"
    for name, addresses in found.items():
        for address in addresses:
            ip = ipaddress.ip_address(address.removeprefix("::ffff:"))
            assert ip.is_loopback, f"{name} listens at {address}"


def test_no_token_is_left_that_others_could_read(sweep: dict[str, Any]) -> None:
    assert not (sweep["home"] / ".ray/auth_token").exists()


def test_only_who_has_the_token_can_join(sweep: dict[str, Any]) -> None:
    processes = sweep_processes(sweep["process"])
    raylet = next(process for process in processes if process.name() == "raylet")
    address = next(word.split("=", 1)[1] for word in raylet.cmdline() if word.startswith("--gcs-address="))
    token = raylet.environ()["RAY_AUTH_TOKEN"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    outside["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # else Ray looks for loopback's Ray at the machine's address

    def join(seconds: float, **secret: str) -> str:
        """The output of a process on this machine that tries to join; it keeps trying when it is refused."""
        process = subprocess.Popen(
            [sys.executable, "-c", JOIN.format(address)], env={**outside, "HOME": str(sweep["home"]), **secret},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            return process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[0]

    started = time.monotonic()
    assert "nodes 1" in join(PATIENCE, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token)
    ample = 2 * (time.monotonic() - started)  # for who is let in
    assert "nodes" not in join(ample)
    assert "nodes" not in join(ample, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0" * 64)
    assert sweep["process"].poll() is None, "the sweep ended: nothing was left to join"
