"""A run in which every text of its files is markup, as if a stranger had sent it."""

from pathlib import Path

import numpy as np

from rethink.records.run_directory import RunDirectory
from rethink.trial.tensorboard import write_examples
from tests.analysis.made_runs import make_run, spec, write_attempt
from tests.analysis.made_runs import record as row
from tests.made_record import stored_data

HURT = "<script>window.hurt=1</script><img src=x onerror=window.hurt=1>"
LIVE = f"""\"'> ]]>--></svg></title></style></script>{HURT} & $x_{{$"""
FIELDS = (
    *("sweep", "variant", "command", "package", "version", "dataset", "content", "class"),  # of run.json
    *("model", "host", "device", "error", "example"),
)
NAME = "<img src=x onerror=window.hurt=1>&'\"$"  # of its folder, so it has no /


def live(field: str) -> str:
    """Markup that tells which field it comes from."""
    return f"{field}{LIVE}"


def make_hostile_run(storage: Path) -> RunDirectory:
    """Two seeds at three levels, one of them failed."""
    own = {"dataset": live("dataset"), "model": live("model"), "max_epochs": 30}
    specs = [spec(**own, label_corruption=level, seed=seed) for level in (0.0, 0.5, 1.0) for seed in (0, 1)]
    versions = {"rethink": live("version"), live("package"): "1"}
    run = make_run(
        storage / NAME,
        specs,
        sweep=live("sweep"),
        variant=live("variant"),
        command=live("command"),
        versions=versions,
        data={specs[0].stored_data: stored_data(content_sha256=live("content"), class_names=[live("class")] * 10)},
    )
    about = {"host": live("host"), "device": live("device"), "versions": versions, "notes": [live("note")]}
    for one in specs:
        write_attempt(run, one, [row(1, None if one is specs[-1] else 1)], **about)
    run.record_outcome(specs[-1].spec_id, "error", 1)
    run.error_file(specs[-1].spec_id).write_text(f"Traceback\n{live('error')}\n")
    write_examples(run.tensorboard / "examples", live("example"), np.zeros((8, 28, 28, 3), np.uint8), [("a", "b")] * 8)
    return run
