"""A machine that lacks the run's folder, or has other code, is refused by name."""

import socket
from pathlib import Path

import pytest

from rethink import provenance
from rethink.node_check import check_node
from rethink.provenance import versions
from rethink.spec import SpecError


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    (tmp_path / "run.json").touch()
    return tmp_path / "run.json"


def test_a_machine_with_the_same_folder_and_code_is_fine(seen: Path) -> None:
    check_node(seen, versions())


def test_a_machine_that_does_not_see_the_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=f"^{socket.gethostname()} does not see {tmp_path}.*--storage.*$"):
        check_node(tmp_path / "run.json", versions())


@pytest.mark.parametrize("name", ["code", "torch", "python"])
def test_other_code_or_packages_are_named_with_both_versions(seen: Path, name: str) -> None:
    with pytest.raises(SpecError, match=f"^{socket.gethostname()} has {name} {versions()[name]}, not 0.0:"):
        check_node(seen, {**versions(), name: "0.0"})


def test_another_commit_with_the_same_code_is_fine(seen: Path) -> None:
    check_node(seen, {**versions(), "rethink": "0.1.0+another"})


def test_the_code_is_known_by_its_content_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest_of(content: str) -> str:
        package = tmp_path / content / "rethink"
        package.mkdir(parents=True)
        (package / "provenance.py").write_text(content)
        monkeypatch.setattr(provenance, "__file__", str(package / "provenance.py"))
        return provenance._code_digest()

    one, other = digest_of("x = 1"), digest_of("x = 2")
    assert one != other
    (tmp_path / "x = 2" / ".git").mkdir()
    assert provenance._code_digest() == other
