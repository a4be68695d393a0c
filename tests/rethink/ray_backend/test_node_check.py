"""A machine that lacks the run's folder, or has other code, is refused by name."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray

from rethink.errors import ClusterError
from rethink.ray_backend import cluster
from rethink.ray_backend.node_check import check_node
from rethink.records import provenance
from rethink.records.provenance import versions


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    (tmp_path / "run.json").touch()
    return tmp_path / "run.json"


def test_a_machine_with_the_same_folder_and_code_is_fine(seen: Path) -> None:
    check_node(seen, versions())


def test_a_machine_that_does_not_see_the_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=f"^{socket.gethostname()} does not see {tmp_path}.*--storage.*$"):
        check_node(tmp_path / "run.json", versions())


@pytest.mark.parametrize("name", ["code", "torch", "python"])
def test_other_code_or_packages_are_named_with_both_versions(seen: Path, name: str) -> None:
    with pytest.raises(ClusterError, match=f"^{socket.gethostname()} has {name} {versions()[name]}, not 0.0:"):
        check_node(seen, {**versions(), name: "0.0"})


def test_another_commit_with_the_same_code_is_fine(seen: Path) -> None:
    check_node(seen, {**versions(), "rethink": "0.1.0+another"})


def test_the_code_is_known_by_its_content_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)

    def digest_of(package: str, content: str) -> str:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(content)
        return provenance.code_digest(package)

    one, same, other = digest_of("one", "x = 1"), digest_of("same", "x = 1"), digest_of("other", "x = 2")
    assert one == same != other
    (tmp_path / "other" / ".git").mkdir()
    provenance.code_digest.cache_clear()
    assert provenance.code_digest("other") == other


@pytest.fixture
def another_machine(local_ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only machine is treated as another one than the driver's."""
    monkeypatch.setattr(cluster.ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "the driver's"))


def test_a_machine_like_the_drivers_may_join_and_leaves_no_trace(another_machine: None, tmp_path: Path) -> None:
    cluster.check_nodes(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_machine_with_other_packages_ends_the_run_in_one_line(
    another_machine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "versions", lambda: {**versions(), "torch": "0.0"})
    with pytest.raises(ClusterError, match=f"^{socket.gethostname()} has torch {versions()['torch']}, not 0.0: .*$"):
        cluster.check_nodes(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_machine_that_does_not_see_the_storage_ends_the_run_in_one_line(
    another_machine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (node,) = cluster._alive()
    answer = cluster._ask(node, tmp_path / "elsewhere" / ".seen")
    with pytest.raises(
        ClusterError, match=f"^{socket.gethostname()} does not see {tmp_path}/elsewhere: .*--storage.*$"
    ):
        cluster._read("a machine", answer)


def dies() -> None:
    os._exit(1)


def lacks_a_module() -> None:
    raise ImportError("no module:\n  not one")


@pytest.mark.parametrize(("fails", "reason"), [(dies, ".*"), (lacks_a_module, "no module: not one")])
def test_a_machine_that_cannot_answer_is_named_in_one_line(
    local_ray: None, fails: Callable[[], None], reason: str
) -> None:
    with pytest.raises(ClusterError, match=f"^a machine cannot run trials: {reason}$"):
        cluster._read("a machine", ray.remote(fails).options(num_cpus=0, max_retries=0).remote())
