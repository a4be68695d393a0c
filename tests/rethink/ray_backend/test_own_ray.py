"""A private Ray starts with long folder names and without shared memory; an address without a Ray fails at once."""

import http.server
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray

from rethink.errors import ClusterError
from rethink.ray_backend import cluster

NO_ADDRESS_OF_OURS = "203.0.113.1"  # RFC 5737: reserved for documentation


@pytest.fixture
def without_shared_memory(without_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a private Ray, without /dev/shm and with a long TMPDIR, as under Slurm."""
    long = tmp_path / ("job." + "1" * 80)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setenv(
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0"
    )  # else Ray looks for loopback's at the machine's address
    monkeypatch.setattr(cluster, "SHARED_MEMORY", "/proc/nowhere")
    made: list[str] = []
    monkeypatch.setattr(cluster, "short_folder", lambda make=cluster.short_folder: made.append(make()) or made[0])
    cluster.start_own(cpus=1)
    yield Path(made[0])
    cluster.end_own(made[0])
    assert not Path(made[0]).exists()


def test_a_ray_needs_no_shared_memory_and_no_short_tmpdir(without_shared_memory: Path) -> None:
    folder = without_shared_memory
    assert ray.get(ray.put(np.arange(2**20))).sum() == 2**19 * (2**20 - 1)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    sockets = [path for path in folder.rglob("*") if path.is_socket()]
    assert sockets
    assert max(len(os.fsencode(path)) for path in sockets) < 108
    assert Path.cwd() != folder
    address = ray.get_runtime_context().gcs_address
    cluster._check_answers(address)


def test_no_folder_is_short_enough_or_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LONGEST_PLACE", 3)
    with pytest.raises(ClusterError, match="no folder of at most 3 bytes can be written for Ray's sockets"):
        cluster.short_folder()


def test_shared_memory_is_used_where_there_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cluster, "SHARED_MEMORY", str(tmp_path))
    assert cluster._store_settings("/x") == {}
    monkeypatch.setattr(cluster, "STORE_BYTES", 2**60)
    assert cluster._store_settings("/x") == {"_plasma_directory": "/x", "object_store_memory": 2**60}


def test_a_machine_without_loopback_is_told(without_ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LOOPBACK", NO_ADDRESS_OF_OURS)
    with pytest.raises(
        ClusterError, match=rf"{NO_ADDRESS_OF_OURS} cannot be reached \(.+\); is its loopback interface up"
    ):
        cluster.start_own(cpus=1)
    assert not ray.is_initialized()


@pytest.fixture(params=["deaf", "http"])
def no_ray(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that accepts connections and never answers, or answers as a web server."""
    if request.param == "deaf":
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield server.getsockname()[1]
        return
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_what_answers_and_is_no_ray_is_refused(without_ray: None, no_ray: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "JOIN_SECONDS", 4.0)
    with pytest.raises(ClusterError) as refused:
        cluster.connect(f"127.0.0.1:{no_ray}")
    told = f"ray_address = '127.0.0.1:{no_ray}' cannot be joined ('local' does without a cluster): what is there d"
    assert str(refused.value).startswith(told)
    assert "\n" not in str(refused.value)
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:1", "Connection refused"),
        ("ray://127.0.0.1:10001", "a cluster is 'auto', on a machine of its own, or HOST:PORT"),
        ("head", "a cluster is 'auto', on a machine of its own, or HOST:PORT"),
    ],
)
def test_an_address_without_a_ray_is_refused(without_ray: None, address: str, reason: str) -> None:
    with pytest.raises(ClusterError) as refused:
        cluster.connect(address)
    assert f"ray_address = '{address}' cannot be joined" in str(refused.value)
    assert str(refused.value).endswith(reason)


def test_a_process_with_a_ray_of_its_own_joins_no_other(local_ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.connect(None)
    cluster.connect("local")
    with pytest.raises(
        ClusterError, match=r"ray_address = '127.0.0.1:1' is not allowed: this process has a Ray of its"
    ):
        cluster.connect("127.0.0.1:1")
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    with pytest.raises(ClusterError, match=r"ray_address = 'auto' is not allowed"):
        cluster.connect(None)
