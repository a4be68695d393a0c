"""What Ray does when nothing of it is patched: run as a program, with an empty folder of a short path to work in.

Each check answers whether Ray still does what a patch of `rethink.ray_backend` prevents, or still has the private names
that are used. Prints the answers as JSON, by name; a stack where a check raises.
"""

import ipaddress
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1]) if __name__ == "__main__" else Path()
BEFORE = signal.getsignal(signal.SIGTERM)
warned: list[logging.LogRecord] = []  # by Ray, as it started


def it_listens_beyond_loopback() -> bool:
    """start_own sets ray_constants.ENABLE_RAY_CLUSTER."""
    import psutil

    addresses = [
        connection.laddr.ip
        for process in daemons().values()
        for connection in psutil.Process(process).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    return any(not ipaddress.ip_address(address.removeprefix("::ffff:")).is_loopback for address in addresses)


def it_leaves_a_token_that_others_can_read() -> bool:
    """start_own sets RAY_AUTH_TOKEN."""
    return bool((Path.home() / ".ray/auth_token").stat().st_mode & 0o077)


def it_warns_that_it_asks_for_a_token() -> bool:
    """_init silences the logger of this name."""
    return "ray._private.authentication.authentication_token_setup" in {record.name for record in warned}


def it_takes_sigterm() -> bool:
    """_init runs within handlers_kept."""
    return signal.getsignal(signal.SIGTERM) is not BEFORE


def it_puts_the_working_directory_first_in_its_workers_path() -> bool:
    """_import_path_of_workers changes to an empty folder."""
    import ray

    path = ray.get(ray.remote(lambda: sys.path).remote())
    return os.getcwd() not in sys.path and path[0] == os.getcwd()


def a_failure_counts_whatever_a_trial_has_done_since_the_last() -> bool:
    """ForgiveProgress sets run_metadata.num_failures to 0."""
    trial = tune_trial(max_failures=1)
    trial.handle_error(RuntimeError())
    trial.update_last_result({"training_iteration": 1})
    trial.handle_error(RuntimeError())
    return not trial.should_recover()


def it_keeps_no_exception_but_its_own() -> bool:
    """last_failure reads the text of others."""
    trial = tune_trial()
    trial.handle_error(RuntimeError("odd"))
    return trial.pickled_error_file is None and "odd" in Path(trial.error_file).read_text()


FAULTS: tuple[Callable[[], bool], ...] = (
    it_listens_beyond_loopback,
    it_leaves_a_token_that_others_can_read,
    it_warns_that_it_asks_for_a_token,
    it_takes_sigterm,
    it_puts_the_working_directory_first_in_its_workers_path,
    a_failure_counts_whatever_a_trial_has_done_since_the_last,
    it_keeps_no_exception_but_its_own,
)


def its_node_lists_the_processes_of_a_ray() -> bool:
    """`leave` ends them."""
    import psutil

    found = daemons()
    return all(psutil.Process(found[name]).name() == name for name in ("gcs_server", "raylet"))


def a_trial_whose_failures_are_set_back_is_restarted() -> bool:
    """ForgiveProgress sets run_metadata.num_failures to 0."""
    trial = tune_trial()
    trial.handle_error(RuntimeError())
    given_up = not trial.should_recover()
    trial.run_metadata.num_failures = 0
    return given_up and bool(trial.should_recover())


def it_keeps_the_exception_of_a_trainable() -> bool:
    """last_failure reads it from pickled_error_file."""
    from ray import cloudpickle
    from ray.exceptions import RayTaskError

    trial = tune_trial()
    trial.handle_error(RayTaskError("step", "stack", ValueError("odd")))
    kept = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
    return isinstance(kept.cause, ValueError) and kept.cause.args == ("odd",)


FITS: tuple[Callable[[], bool], ...] = (
    its_node_lists_the_processes_of_a_ray,
    a_trial_whose_failures_are_set_back_is_restarted,
    it_keeps_the_exception_of_a_trainable,
)


def daemons() -> dict[str, int]:
    """The process of each kind."""
    import ray

    node = ray._private.worker._global_node
    return {kind: infos[0].process.pid for kind, infos in node.all_processes.items()}


def tune_trial(max_failures: int = 0) -> Any:
    from ray.train._internal.storage import StorageContext
    from ray.tune.experiment import Trial

    storage = StorageContext(str(FOLDER / "tune"), experiment_dir_name="run")
    trial = Trial("none", stub=True, max_failures=max_failures, storage=storage)
    trial.init_local_path()
    return trial


def start() -> None:
    import ray

    class Noted(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warned.append(record)

    handler = Noted()
    logging.getLogger("ray").addHandler(handler)
    ray.init(num_cpus=1, include_dashboard=False, _temp_dir=f"{FOLDER}/r", log_to_driver=False, logging_level="WARNING")
    logging.getLogger("ray").removeHandler(handler)


def answer(check: Callable[[], bool]) -> bool | str:
    try:
        return check()
    except Exception:
        return traceback.format_exc()


if __name__ == "__main__":
    start()
    print(json.dumps({check.__name__: answer(check) for check in (*FAULTS, *FITS)}))
