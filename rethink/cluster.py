"""The Ray that trials run on: one of the run's own, which nothing else reaches, or a cluster that is already there."""

import logging
import os
import secrets
import socket
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
import yaml
from ray._private import ray_constants
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rethink.node_check import check_node
from rethink.provenance import versions
from rethink.run_options import RunOptions
from rethink.spec import SpecError

LAUNCHED = Path("~/ray_bootstrap_config.yaml")  # on the head of a cluster that `ray up` started
OWN = "local"  # address of a Ray of the run's own
ANSWER_SECONDS = 120.0  # for a node to start a process and import the project


def connect(address: str | None) -> None:
    """Start a Ray of this run's own, or join a cluster; without an address, the one that RAY_ADDRESS names, if any.

    Raises SpecError for a cluster that cannot be joined.
    """
    if ray.is_initialized():
        return
    address = address or os.environ.get(ray_constants.RAY_ADDRESS_ENVIRONMENT_VARIABLE) or OWN
    if address == OWN:
        start_own()
    else:
        _join(address)


def start_own(cpus: int | None = None) -> None:
    """Start a Ray that listens on loopback alone, behind a token that only its processes know.

    `cpus` is by default the number of the machine's.
    """
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # Ray's own file would be readable by all
    ray_constants.ENABLE_RAY_CLUSTER = False  # else Ray listens on every interface, whatever address it is given
    _init(OWN, include_dashboard=False, num_cpus=cpus)


def _join(address: str) -> None:
    try:
        _check_listening(address)
        _init(address)
    except (RayError, OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        told = f"ray_address = {address!r} cannot be joined ('local' does without a cluster)"
        raise SpecError(f"{told}: {reason}") from None
    print(f"cluster      {address}: {_described()}")


def _init(address: str, **settings: Any) -> None:
    # Ray tells, as a warning, that it asks for a token, which is as it should be.
    logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)
    ray.init(address=address, log_to_driver=False, logging_level="WARNING", **settings)


def _check_listening(address: str) -> None:
    """Raises OSError where nothing listens, as Ray would try for two minutes; ValueError for what is no address."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise ValueError("a cluster is 'auto', on a machine of its own, or HOST:PORT")
    socket.create_connection((host, int(port)), timeout=10).close()


def trial_resources(options: RunOptions) -> dict[str, float]:
    """CPU and GPU share of a trial. Raises SpecError for a share that no machine has, nor any that may yet start."""
    machines = [*_present(), *(machine for machine, _ in _startable())]
    largest = {kind: max(float(machine.get(kind, 0)) for machine in machines) for kind in ("CPU", "GPU")}
    shares = {"cpu": options.cpus_per_trial, "gpu": options.gpus_per_trial}
    for kind, share in shares.items():
        if share > largest[kind.upper()]:
            raise SpecError(
                f"{kind}s_per_trial = {share:g} is not allowed: the largest node has {largest[kind.upper()]:g}"
            )
    if not any(_slots_of(machine, shares) for machine in machines):
        asked = f"cpus_per_trial = {shares['cpu']:g} with gpus_per_trial = {shares['gpu']:g}"
        raise SpecError(f"{asked} is not allowed: no node has both")
    return shares


def slots(resources: Mapping[str, float]) -> int:
    """How many trials run at once on the machines that are there now; at least 1."""
    total = ray.cluster_resources()
    return max(1, min(int(total.get(kind.upper(), 0) / share) for kind, share in resources.items() if share))


def most_slots(resources: Mapping[str, float]) -> int:
    """How many trials may ever run at once, on the machines that are there or on all that the cluster may start."""
    now = sum(_slots_of(machine, resources) for machine in _present())
    later = sum(count * _slots_of(machine, resources) for machine, count in _startable())  # those of now among them
    return max(1, now, later)


def _slots_of(machine: Mapping[str, float], resources: Mapping[str, float]) -> int:
    return min(int(machine.get(kind.upper(), 0) / share) for kind, share in resources.items() if share)


def check_nodes(folder: Path) -> None:
    """Ask every other machine of the cluster whether it sees the run's folder and has the code of this process.

    Machines that join later are asked as their first trial starts. Raises SpecError with the first answer that is no.
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
        told = str(cause) if isinstance(cause, SpecError) else f"{name} cannot run trials: {cause}"
        raise SpecError(" ".join(told.split())) from None


def _alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _present() -> list[Mapping[str, float]]:
    return [node["Resources"] for node in _alive()]


def _startable() -> list[tuple[dict[str, float], int]]:
    """(resources, greatest number) of each kind of machine that the cluster may start, as `ray up` tells its head.

    Ray itself does not say: a cluster with nothing to do may have no CPU at all. Known on the head alone.
    """
    if not ray_constants.ENABLE_RAY_CLUSTER or not LAUNCHED.expanduser().exists():
        return []
    config = yaml.safe_load(LAUNCHED.expanduser().read_text())
    kinds = [kind for name, kind in config["available_node_types"].items() if name != config["head_node_type"]]
    return [(kind["resources"], int(kind.get("max_workers", config["max_workers"]))) for kind in kinds]


def _described() -> str:
    total = ray.cluster_resources()
    counted = f"{len(_alive())} nodes, {total.get('CPU', 0):g} CPUs, {total.get('GPU', 0):g} GPUs"
    return f"{counted} now; more machines start as trials wait" if _startable() else counted
