"""Three pretend machines and a laptop on one Linux machine, for a real `ray up` over SSH. Needs root.

A machine is a set of namespaces (network, processes, mounts, hostname, IPC) with an SSH server of its own. It sees the
root file system, but has its own home, temporary folder and installed packages, does not see the checkout that is
tested, and reaches nothing but the other machines. The laptop is the network namespace in which the cable ends meet.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
VENV = Path(sys.prefix)
LAPTOP = "rethink-laptop"  # network namespace
PREFIX = "10.77.0"
# What only root's home holds and the machines need: the Python that the virtual environment points at.
PYTHON_HOME = Path(os.path.realpath(sys.executable)).parents[1]

# Runs in the new namespaces and becomes the machine's first process. Folders of the machine take the place of the
# root file system's; what a machine needs of them is bound back, read-only.
INIT = """
set -eu
mount --make-rprivate /
hostname $NAME
ip link set lo up
keep() { mkdir -p "$1"; mount --bind "$2" "$1"; mount -o remount,bind,ro "$1"; }
mkdir -p "$HOST/lower"
mount --bind "$VENV" "$HOST/lower"
case $PYTHON_HOME in "$HOME"/*) keep "$HOST/home${PYTHON_HOME#"$HOME"}" "$PYTHON_HOME" ;; esac
mount -t tmpfs -o mode=755 none /mnt
mkdir /mnt/shared
mount --bind "$LAB/shared" /mnt/shared
mount --bind "$HOST/hosts" /etc/hosts
mount -t tmpfs -o mode=755 none /run
mkdir -p /run/sshd
mount -t tmpfs -o mode=1777 none /dev/shm
mount -t tmpfs none "$CHECKOUT"
mkdir -p "$VENV"
mount -t overlay -o "lowerdir=$HOST/lower,upperdir=$HOST/packages,workdir=$HOST/work" none "$VENV"
rm -f "$VENV/.ready"  # from the checkout: the tested code is installed anew
cp "$HOST/host_key" /run/host_key
chmod 600 /run/host_key
cp "$HOST/sshd_config" /run/sshd_config
mount --rbind "$HOST/home" "$HOME"
mount --rbind "$HOST/tmp" /tmp
cd /
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
env -i PATH=$path HOME="$HOME" /usr/sbin/sshd -D -f /run/sshd_config &
wait $!
"""

SSHD = """
ListenAddress {address}
HostKey /run/host_key
PidFile none
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile {home}/.ssh/authorized_keys
PrintMotd no
MaxStartups 50
MaxSessions 50
"""

BASHRC = f"export RETHINK_VENV={shlex.quote(str(VENV))}\n"
# No registry is in reach; what the project needs is in the virtual environment.
PIP_CONFIG = "[install]\nno-index = true\nno-build-isolation = false\n"


@dataclass(frozen=True)
class Host:
    """One pretend machine."""

    lab: "Lab"
    number: int

    @property
    def name(self) -> str:
        return f"h{self.number}"

    @property
    def address(self) -> str:
        return f"{PREFIX}.1{self.number}"

    @property
    def folder(self) -> Path:
        return self.lab.root / self.name

    @property
    def home(self) -> Path:
        """Its home folder, as this process sees it."""
        return self.folder / "home"

    @property
    def _namespace(self) -> str:
        return f"rethink-{self.name}"

    def install(self) -> None:
        """Make its files and its cable."""
        for name in ("home/.ssh", "home/.config/pip", "tmp", "packages", "work"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "tmp").chmod(0o1777)
        self.home.chmod(0o700)
        shutil.copy(self.lab.key.with_suffix(".pub"), self.home / ".ssh/authorized_keys")
        _new_key(self.folder / "host_key")
        (self.folder / "sshd_config").write_text(SSHD.format(address=self.address, home=Path.home()))
        (self.folder / "hosts").write_text(
            "127.0.0.1 localhost\n" + "".join(f"{host.address} {host.name}\n" for host in self.lab.hosts)
        )
        (self.home / ".bashrc").write_text(BASHRC)
        (self.home / ".config/pip/pip.conf").write_text(PIP_CONFIG)
        _run("ip", "netns", "add", self._namespace)
        _run(
            *("ip", "-n", LAPTOP, "link", "add", self.name, "type", "veth"),
            *("peer", "name", "eth0", "netns", self._namespace),
        )
        _run("ip", "-n", LAPTOP, "link", "set", self.name, "master", "switch", "up")
        for command in (
            f"addr add {self.address}/24 dev eth0",
            "link set eth0 up",
            "link set lo up",
            f"route add default via {PREFIX}.1",
        ):
            _run("ip", "-n", self._namespace, *command.split())

    def boot(self) -> None:
        """Switch it on; returns when it answers to SSH."""
        environment = {
            "NAME": self.name, "HOST": str(self.folder), "LAB": str(self.lab.root), "VENV": str(VENV),
            "PYTHON_HOME": str(PYTHON_HOME), "CHECKOUT": str(CHECKOUT),
        }  # fmt: skip
        command = ["ip", "netns", "exec", self._namespace, "unshare", "--pid", "--mount", "--uts", "--ipc", "--fork"]
        with (self.folder / "console.log").open("ab") as log:
            subprocess.Popen(
                [*command, "--kill-child", "--mount-proc", "bash", "-c", INIT],
                env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 30
        while self.ssh("true", check=False).returncode != 0:
            assert time.monotonic() < until, (self.folder / "console.log").read_text()
            time.sleep(0.2)

    def power_off(self) -> None:
        """End everything on it at once, the SSH server included."""
        while _kill_all(self._namespace):
            time.sleep(0.05)

    def unplug(self) -> None:
        """Pull its cable: it keeps running, but its network is cut off."""
        _run("ip", "-n", LAPTOP, "link", "set", self.name, "down")

    def plug(self) -> None:
        _run("ip", "-n", LAPTOP, "link", "set", self.name, "up")

    def ssh(self, command: str, *, check: bool = True, timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        """Run a command on it, in a login shell."""
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        login = (
            f"bash --login -i -c {shlex.quote(f'source ~/.bashrc; {command}')} 2> >(grep -v 'job control\\|ioctl' >&2)"
        )
        return self.lab.on_laptop(
            ["ssh", "-i", str(self.lab.key), *options, "-o", "ConnectTimeout=5", f"root@{self.address}", login],
            check=check, timeout=timeout,
        )  # fmt: skip

    def remove(self) -> None:
        self.power_off()
        _run("ip", "netns", "del", self._namespace, check=False)


class Lab:
    """The machines, the folder that they share (/mnt/shared), and the laptop. A context manager."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hosts = [Host(self, number) for number in (1, 2, 3)]
        self.laptop = root / "laptop"  # its home
        self.shared = root / "shared"
        self.key = self.laptop / ".ssh/id_ed25519"

    def __enter__(self) -> "Lab":
        self._remove()  # left by an interrupted test
        for folder in (self.shared, self.key.parent):
            folder.mkdir(parents=True)
        _new_key(self.key)
        _run("ip", "netns", "add", LAPTOP)
        for command in ("link set lo up", "link add switch type bridge", f"addr add {PREFIX}.1/24 dev switch"):
            _run("ip", "-n", LAPTOP, *command.split())
        _run("ip", "-n", LAPTOP, "link", "set", "switch", "up")
        for host in self.hosts:
            host.install()
            host.boot()
        return self

    def __exit__(self, *exception: object) -> None:
        self._remove()

    def on_laptop(
        self, command: list[str], *, check: bool = True, timeout: float = 600
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command at the laptop, in the checkout."""
        answer = subprocess.run(
            self.at_laptop(command), env=self.environment, cwd=CHECKOUT, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert not check or answer.returncode == 0, f"{shlex.join(command)}\n{answer.stdout}"
        return answer

    @staticmethod
    def at_laptop(command: list[str]) -> list[str]:
        return ["ip", "netns", "exec", LAPTOP, *command]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the laptop."""
        outside = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "RETHINK_"))}
        places = {"HOME": str(self.laptop), "RAY_TMPDIR": str(self.root / "tmp"), "TMPDIR": str(self.root / "tmp")}
        (self.root / "tmp").mkdir(exist_ok=True)
        return outside | places | {"PATH": f"{VENV / 'bin'}:{os.environ['PATH']}", "RAY_USAGE_STATS_ENABLED": "0"}

    def _remove(self) -> None:
        for host in self.hosts:
            host.remove()
        _kill_all(LAPTOP)
        _run("ip", "netns", "del", LAPTOP, check=False)


def _kill_all(namespace: str) -> bool:
    """Kill every process of a network namespace; whether there was one."""
    answer = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    for pid in answer.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    return bool(answer.stdout.split())


def _new_key(path: Path) -> None:
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "pretend", "-f", str(path))


def _run(*command: str, check: bool = True) -> None:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not check or answer.returncode == 0, f"{shlex.join(command)}: {answer.stderr}"
