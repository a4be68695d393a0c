"""Starts a private local Ray, or joins an existing cluster."""

import atexit
import contextlib
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
import yaml
from ray._private import ray_constants
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rethink.errors import ClusterError
from rethink.interruption import handlers_kept
from rethink.ray_backend.node_check import check_node
from rethink.records.provenance import versions
from rethink.run_options import RunOptions
from rethink.spec import shown

LAUNCHED = Path("~/ray_bootstrap_config.yaml")  # on the head of a cluster that `ray up` started
OWN = "local"  # address of a private Ray
LOOPBACK = "127.0.0.1"
SHARED_MEMORY = "/dev/shm"
STORE_BYTES = 256 * 2**20  # of the object store where /dev/shm has less: a run keeps its settings and own models there
LONGEST_PLACE = 24  # bytes of a folder in which Ray's sockets have paths of less than 108
JOIN_SECONDS = 25.0  # until the first answer of a cluster
ASK = """
import sys
from ray._private.services import canonicalize_bootstrap_address_or_die
from ray._raylet import GcsClient
GcsClient(address=canonicalize_bootstrap_address_or_die(sys.argv[1])).get_all_node_info(timeout=20)
"""
END = 'kill -TERM "$@"; sleep 3; kill -KILL "$@"; rm -rf "$0"'
ANSWER_SECONDS = 120.0  # for a node to start a process and import the project

_own: list[str] = []  # folders of the private Rays of this process


def connect(address: str | None) -> None:
    """Start a private Ray, or join a cluster; without an address, the one that RAY_ADDRESS names, if any.

    A process that is connected to a Ray stays with it: Ray keeps the token of the first, and would show it to another.

    Raises ClusterError for a cluster that cannot be joined.
    """
    address = address or os.environ.get(ray_constants.RAY_ADDRESS_ENVIRONMENT_VARIABLE) or OWN
    if ray.is_initialized():
        if _own and address != OWN:
            raise ClusterError(
                f"ray_address = {shown(address)} is not allowed: this process has a Ray of its own until it ends; "
                "use another process (in a notebook: restart the kernel)"
            )
    elif address == OWN:
        start_own()
    else:
        _join(address)


def start_own(cpus: int | None = None) -> None:
    """Start a Ray that listens on loopback alone, behind a token that only its processes know.

    It writes to a folder of its own, which is removed with it. `cpus` is by default the number of the machine's CPUs.
    Raises ClusterError, naming what is missing, if it cannot start.
    """
    _check_loopback()
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # Ray's own file would be readable by all
    ray_constants.ENABLE_RAY_CLUSTER = False  # else Ray listens on every interface, whatever address it is given
    folder = short_folder()
    _own.append(folder)
    atexit.register(end_own, folder)
    try:
        with _import_path_of_workers(folder):
            _init(OWN, include_dashboard=False, num_cpus=cpus, _temp_dir=f"{folder}/r", **_store_settings(folder))
    except (RayError, OSError, RuntimeError, ValueError) as error:
        raise ClusterError(f"Ray cannot be started on this machine: {_reason(error)}") from None


def _import_path_of_workers(empty: str) -> contextlib.AbstractContextManager[None]:
    """Ray puts the working directory ahead of the installation in its workers' path: here only if it is in ours."""
    here = os.getcwd()
    return contextlib.nullcontext() if here in map(os.path.abspath, sys.path) else contextlib.chdir(empty)


def _check_loopback() -> None:
    try:
        with socket.create_server((LOOPBACK, 0)) as server:
            socket.create_connection(server.getsockname(), timeout=10).close()
    except OSError as error:
        problem = f"{LOOPBACK} cannot be reached ({error.strerror or error})"
        raise ClusterError(f"Ray cannot be started on this machine: {problem}; is its loopback interface up?") from None


def short_folder() -> str:
    """A new folder with a short path, only for this user; Ray's own folder in it would be open to all.

    The paths of the sockets in it have 107 bytes at most.

    Raises:
        ClusterError: No such folder can be made.
    """
    places = [os.environ.get("TMPDIR", ""), "/tmp", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR", "")]
    for place in places:
        if os.path.isabs(place) and len(os.fsencode(place)) <= LONGEST_PLACE:
            with contextlib.suppress(OSError):
                return tempfile.mkdtemp(prefix="ray-", dir=place)
    raise ClusterError(
        f"no folder of at most {LONGEST_PLACE} bytes can be written for Ray's sockets: /tmp, or set TMPDIR"
    )


def _store_settings(folder: str) -> dict[str, Any]:
    """Ray's object store is usually in /dev/shm, which is read-only, tiny or missing in some containers."""
    try:
        with tempfile.TemporaryFile(dir=SHARED_MEMORY) as file:
            status = os.fstatvfs(file.fileno())
        if status.f_bavail * status.f_frsize >= STORE_BYTES:
            return {}
    except OSError:
        pass
    return {"_plasma_directory": folder, "object_store_memory": STORE_BYTES}


def end_own(folder: str) -> None:
    """End this run's private Ray with all its processes, and remove its folder."""
    if folder in _own:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
        _own.remove(folder)


def leave(status: int) -> None:
    """End this process at once if it has a private Ray; another process ends that Ray and removes its folder.

    The signal that ends this process may have ended parts of Ray too. If the process lost them or waited for them, Ray
    would end it with another status.
    """
    node = ray._private.worker._global_node
    if _own and node is not None:
        processes = [str(info.process.pid) for infos in node.all_processes.values() for info in infos]
        ending = ["/bin/sh", "-c", END, _own[-1], *processes]
        nothing = subprocess.DEVNULL
        subprocess.Popen(ending, start_new_session=True, cwd="/", stdin=nothing, stdout=nothing, stderr=nothing)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _join(address: str) -> None:
    problem = f"ray_address = {shown(address)} cannot be joined ('local' does without a cluster)"
    try:
        _check_listening(address)
        _check_answers(address)
        _init(address)
    except (RayError, OSError, RuntimeError, ValueError) as error:
        raise ClusterError(f"{problem}: {_reason(error)}") from None
    print(f"cluster      {address}: {described()}")


def _init(address: str, **settings: Any) -> None:
    # Ray warns that it asks for a token, which is intended.
    logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)
    with handlers_kept():  # Ray's would print C++ addresses and abort
        ray.init(address=address, log_to_driver=False, logging_level="WARNING", **settings)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:400]


def _check_listening(address: str) -> None:
    """Raise OSError if nothing listens, because Ray would try for two minutes, and ValueError for a wrong address."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise ValueError("a cluster is 'auto', on a machine of its own, or HOST:PORT")
    socket.create_connection((host, int(port)), timeout=10).close()


def _check_answers(address: str) -> None:
    """Ask in a process of its own, because a call into Ray waits for an answer without heeding Ctrl-C.

    Raises OSError if no Ray answers.
    """
    asking = [sys.executable, "-P", "-c", ASK, address]
    try:
        answer = subprocess.run(asking, capture_output=True, text=True, timeout=JOIN_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise OSError(f"what is there did not answer as a Ray within {JOIN_SECONDS:g} s") from None
    if answer.returncode != 0:
        last = answer.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise OSError(f"what is there does not answer as a Ray ({last[0]})")


def trial_resources(options: RunOptions) -> dict[str, float]:
    """CPU and GPU share of a trial. Raises ClusterError for a share that no present or startable machine has."""
    machines = [*_present(), *(machine for machine, _ in _startable())]
    largest = {kind: max(float(machine.get(kind, 0)) for machine in machines) for kind in ("CPU", "GPU")}
    shares = {"cpu": options.cpus_per_trial, "gpu": options.gpus_per_trial}
    for kind, share in shares.items():
        if share > largest[kind.upper()]:
            raise ClusterError(
                f"{kind}s_per_trial = {share:g} is not allowed: the largest node has {largest[kind.upper()]:g}"
            )
    if not any(_slots_of(machine, shares) for machine in machines):
        asked = f"cpus_per_trial = {shares['cpu']:g} with gpus_per_trial = {shares['gpu']:g}"
        raise ClusterError(f"{asked} is not allowed: no node has both")
    return shares


def slots(resources: Mapping[str, float]) -> int:
    """How many trials run at once on the present machines; at least 1."""
    total = ray.cluster_resources()
    return max(1, min(int(total.get(kind.upper(), 0) / share) for kind, share in resources.items() if share))


def most_slots(resources: Mapping[str, float]) -> int:
    """How many trials may ever run at once, on the present machines or on all that the cluster may start."""
    now = sum(_slots_of(machine, resources) for machine in _present())
    later = sum(count * _slots_of(machine, resources) for machine, count in _startable())  # the present ones included
    return max(1, now, later)


def most_on_one_device(resources: Mapping[str, float]) -> int:
    """How many trials may run at once on one machine, or share one GPU if they train on GPUs; at least 1."""
    if resources.get("gpu"):
        return int(1 / resources["gpu"])
    machines = [*_present(), *(machine for machine, _ in _startable())]
    return max(1, *(_slots_of(machine, resources) for machine in machines))


def _slots_of(machine: Mapping[str, float], resources: Mapping[str, float]) -> int:
    return min(int(machine.get(kind.upper(), 0) / share) for kind, share in resources.items() if share)


def check_nodes(folder: Path) -> None:
    """Ask every other machine of the cluster whether it sees the run's folder and has the code of this process.

    Machines that join later are asked when their first trial starts. Raises ClusterError with the first refusal.
    """
    here = ray.get_runtime_context().get_node_id()
    mark = folder / f".seen-{uuid.uuid4().hex}"
    mark.touch()
    try:
        asked = {node["NodeManagerHostname"]: _ask(node, mark) for node in _alive() if node["NodeID"] != here}
        for name, answer in asked.items():
            _read(name, answer)
    finally:
        mark.unlink()


def _ask(node: Mapping[str, Any], mark: Path) -> Any:
    pinned = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return ray.remote(check_node).options(num_cpus=0, scheduling_strategy=pinned).remote(mark, versions())


def _read(name: str, answer: Any) -> None:
    try:
        ray.get(answer, timeout=ANSWER_SECONDS)
    except (RayError, RuntimeError, ImportError) as error:
        cause = getattr(error, "cause", error)
        problem = str(cause) if isinstance(cause, ClusterError) else f"{name} cannot run trials: {cause}"
        raise ClusterError(" ".join(problem.split())) from None


def _alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _present() -> list[Mapping[str, float]]:
    return [node["Resources"] for node in _alive()]


def _startable() -> list[tuple[dict[str, float], int]]:
    """(resources, greatest number) of each kind of machine that the cluster may start, as `ray up` wrote on its head.

    Ray itself does not report this: an idle cluster may have no CPU at all. Known only on the head.
    """
    if not ray_constants.ENABLE_RAY_CLUSTER or not LAUNCHED.expanduser().exists():
        return []
    config = yaml.safe_load(LAUNCHED.expanduser().read_text())
    kinds = [kind for name, kind in config["available_node_types"].items() if name != config["head_node_type"]]
    return [(kind["resources"], int(kind.get("max_workers", config["max_workers"]))) for kind in kinds]


def described() -> str:
    """How many machines, CPUs and GPUs there are."""
    total = ray.cluster_resources()
    counted = f"{len(_alive())} nodes, {total.get('CPU', 0):g} CPUs, {total.get('GPU', 0):g} GPUs"
    return f"{counted} now; more machines start as trials wait" if _startable() else counted
