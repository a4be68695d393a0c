"""A cluster of pretend machines from `ray up` to `ray down`: a sweep over two of them, faults, and a stranger.

Run by `make cluster-test`, as root. The tests use one cluster and stand in the order of its life.
"""

import json
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from analysis import frames
from rethink.records.record import TIMING_COLUMNS
from rethink.records.run_directory import RunDirectory
from rethink.training.loop import Training
from tests.cluster.pretend_hosts import CHECKOUT, VENV, Host, Lab
from tests.patience import wait_for
from tests.rethink.runs.test_faults import running, specs_of
from tests.undisturbed import recorded_rows, undisturbed_rows

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

# Eight trials on four slots; each of some seconds, with checkpoints every 0.3 s.
SWEEP = [
    "--smoke", "--model", "mlp_1x512", "--label-corruption", "0", "1",
    "--seed", "0", "1", "2", "3", "--checkpoint-seconds", "0.3", "--report-seconds", "0.5",
]  # fmt: skip
UNLOCKED = {"OK", "HTTP 200"}


class Cluster:
    """The cluster of cluster-ssh.yaml on pretend machines: a head and a worker, and a stranger beside them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.head, self.worker, self.stranger = lab.hosts
        self.file = lab.root / "cluster.yaml"
        config = yaml.safe_load((CHECKOUT / "cluster-ssh.yaml").read_text())
        config["provider"].update(head_ip=self.head.address, worker_ips=[self.worker.address])
        config["auth"] = {"ssh_user": "root", "ssh_private_key": str(lab.key)}
        self.file.write_text(yaml.safe_dump(config))

    def ray(self, command: str, *arguments: str, check: bool = True) -> str:
        """`ray COMMAND cluster.yaml ...` at the laptop: what it prints."""
        return str(self.lab.on_laptop(["ray", command, str(self.file), *arguments], check=check).stdout)

    def nodes(self) -> int:
        """How many machines Ray's head counts."""
        quiet = "log_to_driver=False, logging_level='ERROR'"
        count = f"import ray; ray.init({quiet}); print('alive', sum(node['Alive'] for node in ray.nodes()))"
        said = re.search(r"alive (\d+)", self.head.ssh(f"python -c {shlex.quote(count)}", check=False).stdout)
        return int(said[1]) if said else 0

    def start(self, name: str, *options: str, train_samples: int = 800) -> "subprocess.Popen[str]":
        """Submit the sweep from the laptop, without waiting for it."""
        own = ["--name", name, "--train-samples", str(train_samples), *options]
        return self.begin("submit", "sweeps/label_corruption.py", "--", *SWEEP, *own)

    def begin(self, command: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.lab.at_laptop(["ray", command, str(self.file), *arguments]), env=self.lab.environment, cwd=CHECKOUT,
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, name: str) -> RunDirectory:
        return RunDirectory(self.lab.shared / "runs" / name)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    root = Path(tempfile.mkdtemp(prefix="lab-"))
    with Lab(root) as lab:
        lab.on_laptop(["sh", "-c", "umask 077; ray get-auth-token --generate"])  # as docs/cluster.md says
        yield Cluster(lab)
    shutil.rmtree(root)


class BetonWatch(threading.Thread):
    """Records every beton that any machine's cache ever holds, to detect one that is written twice."""

    def __init__(self, hosts: list[Host]) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, set[tuple[str, int]]] = {host.name: set() for host in hosts}
        self._hosts = hosts
        self._enough = threading.Event()

    def run(self) -> None:
        while not self._enough.wait(0.02):
            for host in self._hosts:
                # partial-* too: a second writer would begin there
                for beton in (host.home / ".cache/rethink").rglob("*.beton"):
                    try:
                        self.seen[host.name].add((beton.name, beton.stat().st_ino))
                    except FileNotFoundError:
                        continue

    def stop(self) -> None:
        self._enough.set()
        self.join()


def ends_well(process: "subprocess.Popen[str]", seconds: float = 400) -> str:
    output, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, output[-5000:]
    return output


def epochs(run: RunDirectory) -> pd.DataFrame:
    """The data frame of all measurements, without times, machines and numbers of attempts."""
    frame = frames.load(run.root).epochs
    told = [*TIMING_COLUMNS, "run", "host", "attempt", "attempts", "started"]
    return frame.drop(columns=[name for name in told if name in frame]).reset_index(drop=True)


def hosts_of(run: RunDirectory) -> set[str]:
    return {a.header.host for spec in specs_of(run) for a in run.read_attempts(spec.spec_id)}


def under_way_on(run: RunDirectory, host: Host) -> list[str]:
    """Spec ids of the trials that run on a machine and have rows beyond a checkpoint to lose."""
    return [spec.spec_id for spec, _ in running(run) if run.read_attempts(spec.spec_id)[-1].header.host == host.name]


def test_ray_up_starts_both_machines(cluster: Cluster) -> None:
    cluster.ray("up", "--yes")
    wait_for(lambda: cluster.nodes() == 2, 120)
    for host in (cluster.head, cluster.worker):
        assert host.ssh("stat --format %a ~/.ray/auth_token").stdout.split()[-1] == "600"
        assert (
            "/rethink-project/rethink/" in host.ssh("cd /; python -c 'import rethink; print(rethink.__file__)'").stdout
        )


def test_a_sweep_runs_on_both_and_each_builds_its_betons_once(
    cluster: Cluster, make_training: Callable[..., Training]
) -> None:
    watch = BetonWatch([cluster.head, cluster.worker])
    watch.start()
    output = ends_well(cluster.start("undisturbed"))
    watch.stop()
    assert "2 nodes" in output
    run = cluster.run("undisturbed")
    assert hosts_of(run) == {"h1", "h2"}
    for host, betons in watch.seen.items():
        assert sorted(name for name, _ in betons) == ["test.beton", "train.beton"], (host, betons)
    pids = {a.header.pid for s in specs_of(run) for a in run.read_attempts(s.spec_id) if a.header.host == "h2"}
    assert len(pids) > 1, "no two trials ran at once on the worker"
    for spec in specs_of(run):
        assert recorded_rows(run, spec) == undisturbed_rows(make_training, spec)
    commits = {a.header.versions["rethink"] for s in specs_of(run) for a in run.read_attempts(s.spec_id)}
    assert commits == {run.read_run().versions["rethink"]}
    assert "+" in commits.pop(), "the commit is not known on the cluster"


def test_a_folder_that_not_every_machine_sees_is_refused_in_one_line(cluster: Cluster) -> None:
    sweep = cluster.start("nowhere", "--storage", "/root/runs")
    output, _ = sweep.communicate(timeout=120)
    assert sweep.returncode != 0
    (line,) = [line for line in output.splitlines() if line.startswith("rethink run label_corruption:")]
    assert line.startswith("rethink run label_corruption: h2 does not see /root/runs/nowhere")
    assert not (cluster.head.home / "runs/nowhere").exists()


def test_the_dashboard_is_behind_the_tunnel_and_results_come_down(cluster: Cluster) -> None:
    tunnel = cluster.begin("dashboard")
    ask = ["curl", "--silent", "--max-time", "5", "http://127.0.0.1:8265/"]
    wait_for(lambda: "Ray Dashboard" in cluster.lab.on_laptop(ask, check=False).stdout, 60)
    tunnel.kill()
    cluster.ray("rsync-down", "/mnt/shared/runs/", str(cluster.lab.laptop / "runs/"))
    fetched = RunDirectory(cluster.lab.laptop / "runs/undisturbed")
    assert_like_undisturbed(cluster, fetched)


def test_no_port_lets_a_stranger_in(cluster: Cluster) -> None:
    shutil.copy(CHECKOUT / "tests/cluster/stranger.py", cluster.lab.shared)
    sweep = cluster.start("watched", train_samples=4000)
    wait_for(lambda: bool(running(cluster.run("watched"))), 120)
    board = cluster.begin("exec", "-p", "6006", "tensorboard --logdir $RETHINK_STORAGE")
    tunnel = ["curl", "--silent", "--fail", "--max-time", "5", "http://127.0.0.1:6006/"]
    wait_for(lambda: "TensorBoard" in cluster.lab.on_laptop(tunnel, check=False).stdout, 120)
    stranger = f"{VENV / 'bin/python'} /mnt/shared/stranger.py"
    ports = told(cluster.stranger, f"{stranger} ports {cluster.head.address} {cluster.worker.address}")
    assert 6379 in ports[cluster.head.address], "the scan does not see Ray at all"
    assert {6006, 8265, 10001}.isdisjoint(ports[cluster.head.address]), "TensorBoard, dashboard or client port is open"
    targets = [f"{address}:{port}" for address, numbers in ports.items() for port in numbers if port != 22]
    answers = told(cluster.stranger, f"{stranger} answers {' '.join(targets)}")
    assert not {target: said for target, said in answers.items() if UNLOCKED & set(said)}
    services = [said for said in answers.values() if "HTTP 401" in said or "UNAUTHENTICATED" in said]
    gone = [said for said in answers.values() if set(said) <= {"HTTP none", "UNAVAILABLE"}]  # a process that has ended
    assert len(services) + len(gone) == len(answers), answers
    assert len(services) >= 10, answers
    ends_well(sweep)
    board.kill()


@pytest.mark.parametrize("token", [None, "0" * 64], ids=["no token", "a wrong token"])
def test_a_stranger_neither_joins_nor_submits(cluster: Cluster, token: str | None) -> None:
    head = cluster.head.address
    secret = f"export RAY_AUTH_MODE=token RAY_AUTH_TOKEN={token}; " if token else "export RAY_AUTH_MODE=disabled; "
    path = f"export PATH={VENV / 'bin'}:$PATH RAY_USAGE_STATS_ENABLED=0; {secret}"
    attempts = {
        "as a driver": f"python -c \"import ray; ray.init(address='{head}:6379'); print('I AM IN', ray.nodes())\"",
        "by Ray's client": f"python -c \"import ray; ray.init(address='ray://{head}:10001'); print('I AM IN')\"",
        "by a job": f"ray job submit --address http://{head}:8265 -- echo I AM IN",
        "by the agent's jobs": f"curl -sfX POST -d '{{}}' http://{head}:52365/api/job_agent/jobs/",
        "as a machine": f"ray start --address={head}:6379 && echo I AM IN",
        "to look": f"ray status --address {head}:6379 && echo I AM IN",
    }
    for how, command in attempts.items():
        answer = cluster.stranger.ssh(f"{path} timeout 15 {command}", check=False)
        assert answer.returncode != 0, (how, answer.stdout)
        assert "\nI AM IN" not in answer.stdout, (how, answer.stdout)
    assert cluster.nodes() == 2
    # The same with the right token: the refusals above were not accidental.
    right = (cluster.lab.laptop / ".ray/auth_token").read_text().strip()
    answer = cluster.stranger.ssh(f"{path} export RAY_AUTH_MODE=token RAY_AUTH_TOKEN={right}; {attempts['to look']}")
    assert "I AM IN" in answer.stdout


@pytest.mark.parametrize(
    ("fault", "mend"), [(Host.power_off, Host.boot), (Host.unplug, Host.plug)], ids=["power cut", "pulled cable"]
)
def test_a_machine_lost_in_mid_sweep_changes_nothing(
    cluster: Cluster, fault: Callable[[Host], None], mend: Callable[[Host], None]
) -> None:
    run = cluster.run(fault.__name__)
    sweep = cluster.start(fault.__name__)
    victims = wait_for(lambda: run.run_file.exists() and under_way_on(run, cluster.worker), 120)
    fault(cluster.worker)
    ends_well(sweep)
    assert all(len(run.read_attempts(victim)) > 1 for victim in victims)
    assert_like_undisturbed(cluster, run)
    mend(cluster.worker)
    wait_for(lambda: cluster.nodes() == 2, 180)  # the head's autoscaler starts Ray there again


def test_ray_down_ends_ray_on_every_machine(cluster: Cluster) -> None:
    cluster.ray("down", "--yes")
    for host in (cluster.head, cluster.worker):
        wait_for(lambda host=host: "raylet" not in host.ssh("ps -eo args").stdout, 180)


def assert_like_undisturbed(cluster: Cluster, run: RunDirectory) -> None:
    pd.testing.assert_frame_equal(epochs(run), epochs(cluster.run("undisturbed")), check_exact=True)


def told(host: Host, command: str) -> dict[str, Any]:
    lines = host.ssh(command, timeout=400).stdout.splitlines()
    answer: dict[str, Any] = json.loads(next(line for line in lines if line.startswith("{")))
    return answer
