"""Compiled kernels are kept where only this user can write, and never beside the code."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rethink.errors import SpecError
from rethink.files import user_cache
from rethink.files.user_cache import kernel_cache

UNWRITABLE = "/proc/nowhere"  # for root too


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No cache folder can be made; temporary folders go to the one returned."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", UNWRITABLE)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)  # it caches the folder
    return tmp_path


def test_kernels_go_to_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert kernel_cache() == tmp_path / "cache/rethink/kernels"


def test_what_the_user_says_comes_first_if_it_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "own"))
    assert kernel_cache() == tmp_path / "own"
    monkeypatch.setenv("NUMBA_CACHE_DIR", UNWRITABLE)
    assert kernel_cache() == tmp_path / "cache/rethink/kernels"


def test_without_a_home_no_folder_is_named_after_the_tilde(monkeypatch: pytest.MonkeyPatch, homeless: Path) -> None:
    monkeypatch.setattr(
        "platformdirs.user_cache_dir", lambda name: f"~/.cache/{name}"
    )  # its value without a home folder
    with pytest.raises(SpecError, match="no home folder is known"):
        user_cache.user_cache()
    folder = kernel_cache()
    assert folder is not None
    assert folder.parent == homeless
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_any_folder_kernels_are_compiled_anew(monkeypatch: pytest.MonkeyPatch, homeless: Path) -> None:
    def full(**_: str) -> str:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    assert kernel_cache() is None


def test_a_temporary_folder_serves_the_process_and_goes_with_it(homeless: Path) -> None:
    """Child processes compile into the same folder."""
    code = """
import subprocess, sys
from rethink.corruption import pixels
paths = [value.stats.cache_path for value in vars(pixels).values() if hasattr(value, "stats")]
print(next(path for path in paths if path), flush=True)
if len(sys.argv) == 1:
    subprocess.run([sys.executable, "-c", sys.orig_argv[2], "child"], check=True)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    own, childs = printed.splitlines()
    assert own == childs
    assert Path(own).parent.parent == homeless
    assert not list(homeless.glob("rethink-kernels-*"))
