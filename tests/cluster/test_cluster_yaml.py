"""The files for `ray up`: what Ray's own launcher makes of them; for AWS, against a mock of it, without network."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import click
import pytest
import yaml
from moto import mock_aws
from ray.autoscaler._private import util
from ray.autoscaler._private.aws import config as ray_aws
from ray.autoscaler._private.aws import utils as ray_aws_caches
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler._private.commands import _bootstrap_config
from ray.autoscaler._private.node_provider_availability_tracker import NodeAvailabilitySummary
from ray.autoscaler._private.resource_demand_scheduler import (
    _default_utilization_scorer,
    get_bin_pack_residual,
    get_nodes_for,
)
from ray.autoscaler.tags import TAG_RAY_NODE_KIND

from rethink.errors import ClusterError
from rethink.ray_backend import cluster
from rethink.run_options import RunOptions

ROOT = Path(__file__).parents[2]
AWS = ROOT / "cluster.yaml"
BOTH = pytest.mark.parametrize("file", [AWS, ROOT / "cluster-ssh.yaml"], ids=lambda file: file.name)
KINDS = pytest.mark.parametrize("kind", ["head", "worker"])
HERE = "203.0.113.7/32"  # the address for which the commands of docs/cluster.md allow SSH
TOKEN = "~/.ray/auth_token"


def read(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())


def calls(file: Path, kind: str, folder: Path) -> list[str]:
    """What a machine's start commands call: `MODE PROGRAM ARGUMENTS`, with the token mode that the program sees."""
    for program in ("ray", "pkill"):
        stub = folder / program
        stub.write_text(f'#!/bin/sh\necho "${{RAY_AUTH_MODE:-open}} {program} $*" >> {folder}/calls\n')
        stub.chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "RAY_HEAD_IP": "10.0.0.1"}
    for command in read(file)[f"{kind}_start_ray_commands"]:
        subprocess.run(["bash", "-c", command], env=environment, check=True, capture_output=True)
    return (folder / "calls").read_text().splitlines()


@BOTH
def test_ray_accepts_it(file: Path) -> None:
    util.validate_config(util.prepare_config(read(file)))


@BOTH
@KINDS
def test_ray_starts_once_and_asks_for_the_token(file: Path, kind: str, tmp_path: Path) -> None:
    (start,) = [call for call in calls(file, kind, tmp_path) if " ray start" in call]
    assert start.startswith("token ")
    assert ("--autoscaling-config" in start) == (kind == "head")


@BOTH
def test_the_dashboard_listens_on_loopback_alone(file: Path, tmp_path: Path) -> None:
    (start,) = [call for call in calls(file, "head", tmp_path) if " ray start" in call]
    assert re.findall(r"--dashboard-host[= ](\S+)", start) == ["127.0.0.1"]


@BOTH
def test_the_client_server_is_ended_and_not_the_shell_that_ends_it(file: Path, tmp_path: Path) -> None:
    (kill,) = [call for call in calls(file, "head", tmp_path) if " pkill -f " in call]
    (command,) = [command for command in read(file)["head_start_ray_commands"] if "pkill" in command]
    pattern = kill.partition(" -f ")[2]
    assert re.search(pattern, "python -m ray.util.client.server --address=10.0.0.1:6379 --port=10001")
    assert not re.search(pattern, f"bash --login -c -i {shlex.quote(command)}")


@BOTH
def test_all_that_is_mounted_is_in_this_checkout_and_small(file: Path) -> None:
    mounts = read(file)["file_mounts"]
    assert mounts.pop(TOKEN) == TOKEN
    for there, here in mounts.items():
        assert there == f"~/rethink-project/{here}"
        assert (ROOT / here).exists()
        assert not [large for large in (".venv", "runs") if (ROOT / large).is_relative_to((ROOT / here).resolve())]


def test_both_kinds_of_cluster_get_the_same_files() -> None:
    files = [read(ROOT / name) for name in ("cluster.yaml", "cluster-ssh.yaml")]
    assert len({str(file["file_mounts"]) + str(file["rsync_exclude"]) for file in files}) == 1


@BOTH
def test_set_up_is_the_mounted_script_and_names_the_results_folder_once(file: Path) -> None:
    (command,) = read(file)["setup_commands"]
    shell, script, folder, *export = shlex.split(command)
    assert (shell, script) == ("bash", "~/rethink-project/cluster/set_up_node.sh")
    assert (ROOT / "cluster" / "set_up_node.sh").exists()
    assert file.read_text().count(folder) == 1
    assert len(export) == (file == AWS)


def test_three_values_are_left_to_set_and_each_stands_in_one_place() -> None:
    code = [line.partition(" #")[0] for line in AWS.read_text().splitlines() if not line.startswith("#")]
    assert sorted(re.findall(r"\w+-SET-ME", "\n".join(code))) == ["ami-SET-ME", "fs-SET-ME", "sg-SET-ME"]


@dataclass(frozen=True)
class Account:
    """A mocked account after the commands of docs/cluster.md, and the file as Ray's launcher completes it."""

    ec2: Any
    image: str
    group: str
    config: dict[str, Any]

    def node_config(self, kind: str) -> dict[str, Any]:
        shared = self.config["head_node"] if kind == self.config["head_node_type"] else {}
        return {**shared, **self.config["available_node_types"][kind]["node_config"]}

    @property
    def workers(self) -> dict[str, dict[str, Any]]:
        types = self.config["available_node_types"]
        return {kind: types[kind] for kind in types if kind != self.config["head_node_type"]}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "mock")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "mock")
        patch.setenv("HOME", str(home))  # Ray writes the key pair there
        patch.setattr(ray_aws.time, "sleep", lambda seconds: None)  # it would wait half a minute for IAM
        for cache in (ray_aws_caches.resource_cache, ray_aws_caches.client_cache, ray_aws._get_subnets_or_die):
            cache.cache_clear()
        ec2 = boto3.client("ec2", read(AWS)["provider"]["region"])
        image = ec2.register_image(Name="ubuntu", RootDeviceName="/dev/sda1")["ImageId"]
        group = ec2.create_security_group(GroupName="rethink", Description="rethink")["GroupId"]
        within = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
        ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": HERE}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[within, ssh])
        text = AWS.read_text().replace("ami-SET-ME", image).replace("sg-SET-ME", group)
        yield Account(ec2, image, group, _bootstrap_config(yaml.safe_load(text), no_config_cache=True))


def instances(account: Account, *states: str) -> list[dict[str, Any]]:
    filters = [{"Name": "instance-state-name", "Values": list(states or ["pending", "running"])}]
    found = account.ec2.describe_instances(Filters=filters)["Reservations"]
    return [instance for reservation in found for instance in reservation["Instances"]]


def test_without_a_security_group_nothing_starts(account: Account) -> None:
    with pytest.raises((AssertionError, click.ClickException)):
        _bootstrap_config(read(AWS), no_config_cache=True)
    assert instances(account) == []


def test_only_ssh_lets_anyone_in_and_only_from_where_the_user_said(account: Account) -> None:
    used = {
        group
        for kind in account.config["available_node_types"]
        for group in account.node_config(kind)["SecurityGroupIds"]
    }
    assert used == {account.group}
    groups = account.ec2.describe_security_groups()["SecurityGroups"]
    assert {group["GroupName"] for group in groups} == {
        "default",
        "rethink",
    }  # Ray would make one that lets everyone in
    for group in groups:
        for rule in group["IpPermissions"]:
            outside = [source["CidrIp"] for source in rule["IpRanges"]] + rule["Ipv6Ranges"] + rule["PrefixListIds"]
            assert outside == ([HERE] if rule.get("FromPort") == rule.get("ToPort") == 22 else [])
            assert {pair["GroupId"] for pair in rule["UserIdGroupPairs"]} <= {account.group}


def test_the_head_stays_and_workers_are_spot_machines_of_which_none_need_run(account: Account) -> None:
    assert "InstanceMarketOptions" not in account.node_config("head")
    assert set(account.workers) == {"gpu_worker", "cpu_worker"}
    for worker in account.workers.values():
        assert worker["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
        assert worker["min_workers"] == 0
    assert 0 < account.config["idle_timeout_minutes"] <= 30


def test_machines_start_closed_and_encrypted_and_nothing_is_left_of_them(account: Account) -> None:
    provider = AWSNodeProvider(account.config["provider"], account.config["cluster_name"])
    for kind in account.config["available_node_types"]:
        tags = {TAG_RAY_NODE_KIND: "head" if kind == "head" else "worker"}
        provider.create_node(account.node_config(kind), tags, 1)
    started = instances(account)
    assert len(started) == 3
    for instance in started:
        head = instance["InstanceType"] == account.node_config("head")["InstanceType"]
        assert instance["ImageId"] == account.image
        assert instance.get("InstanceLifecycle") == (None if head else "spot")
        assert ("IamInstanceProfile" in instance) == head  # workers may not start machines
        assert instance["MetadataOptions"]["HttpTokens"] == "required"
        assert [group["GroupId"] for group in instance["SecurityGroups"]] == [account.group]
        assert all(mapping["Ebs"]["DeleteOnTermination"] for mapping in instance["BlockDeviceMappings"])
    volumes = account.ec2.describe_volumes()["Volumes"]
    assert [volume["Encrypted"] for volume in volumes] == [True] * 3
    provider.terminate_nodes([instance["InstanceId"] for instance in started])
    assert instances(account) == instances(account, "stopped", "stopping") == []
    assert account.ec2.describe_volumes()["Volumes"] == []


@pytest.mark.parametrize(
    ("trials", "started"),
    [
        ([], {}),
        ([{"CPU": 1}] * 20, {"cpu_worker": 2}),
        ([{"CPU": 1, "GPU": 0.25}] * 5, {"gpu_worker": 2}),
        ([{"CPU": 1}] * 500, {"cpu_worker": 4}),
    ],
    ids=["no trials", "CPU", "GPU shares", "more than can start"],
)
def test_waiting_trials_start_workers_of_their_kind(
    account: Account, trials: list[dict[str, float]], started: dict[str, int]
) -> None:
    types, head = account.config["available_node_types"], account.config["head_node_type"]
    scorer = partial(_default_utilization_scorer, node_availability_summary=NodeAvailabilitySummary({}))
    waiting, _ = get_bin_pack_residual([types[head]["resources"]], trials)  # the head takes none of them
    launched, _ = get_nodes_for(types, {head: 1}, head, account.config["max_workers"], waiting, scorer)
    assert launched == started


@pytest.fixture
def on_the_head(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is a driver on the head, and no worker has started yet."""
    (tmp_path / "ray_bootstrap_config.yaml").write_text(yaml.safe_dump(account.config))
    monkeypatch.setattr(cluster, "LAUNCHED", tmp_path / "ray_bootstrap_config.yaml")
    monkeypatch.setattr(cluster, "_alive", lambda: [{"Resources": {"memory": 1.0}}])
    monkeypatch.setattr(cluster.ray_constants, "ENABLE_RAY_CLUSTER", True)


def test_a_trial_may_ask_for_what_only_a_machine_that_is_yet_to_start_has(
    on_the_head: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = cluster.trial_resources(RunOptions(cpus_per_trial=2, gpus_per_trial=0.25))
    assert cluster.most_slots(shares) == 4 * 4  # of 8 CPUs and one GPU, four machines
    monkeypatch.setattr(cluster, "_alive", lambda: [{"Resources": {"CPU": 8.0, "GPU": 1.0}}])  # one of the four
    assert cluster.most_slots(shares) == 4 * 4
    with pytest.raises(ClusterError, match="cpus_per_trial = 17 is not allowed: the largest node has 16"):
        cluster.trial_resources(RunOptions(cpus_per_trial=17))


def test_shares_that_only_two_machines_have_together_are_refused(on_the_head: None) -> None:
    with pytest.raises(
        ClusterError, match="cpus_per_trial = 16 with gpus_per_trial = 1 is not allowed: no node has both"
    ):
        cluster.trial_resources(RunOptions(cpus_per_trial=16, gpus_per_trial=1))
