"""`earthline schedule` in a plain shell: each command finds its own way to the sandbox."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.drivers import placed

from ..conftest import Shell

ROOT = Path(__file__).parents[3]
QUICKSTART = str(ROOT / "configs" / "quickstart.yaml")
NAME = ("--set", "name=timed")
CREATE = """
import sys
from pathlib import Path

from earthline.config import load
from pipelines.schedules.schedules import Schedules
from tiny_pipeline import template

config = load(Path(sys.argv[1]), ["name=timed", "schedule.cron=0 3 1 1 *"])
schedules = Schedules("sandbox", "us-central1")
schedules.apply(schedules.plan(config, template(seconds=0.1), caching=True))
"""


@pytest.fixture(scope="module")
def shell(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("work"), sandbox, COLUMNS="200")


def schedule(shell: Shell, verb: str, *arguments: str, code: int = 0) -> str:
    """What `earthline schedule` prints, after its exit code was as expected."""
    given, out, err = shell.earthline("schedule", verb, QUICKSTART, *NAME, *arguments)
    assert given == code, out + err
    return out + err


def test_a_schedule_is_listed_paused_resumed_run_and_deleted(sandbox: Any, shell: Shell) -> None:
    assert "`earthline schedule create` makes one" in schedule(shell, "pause", code=2)
    sandbox.run([sys.executable, "-c", f"{placed(shell.folder)}{CREATE}", QUICKSTART])
    assert "paused" in schedule(shell, "pause")
    assert re.search(r"timed +paused +0 3 1 1 \* +20\d\d-01-01 0\d:00", schedule(shell, "list"))
    # Whoever looks for schedules need not know of which workflow.
    code, anywhere, err = shell.earthline("schedule", "list")
    assert (code, err) == (0, "") and re.search(r"timed +paused", anywhere)
    assert "next run 20" in schedule(shell, "resume", "--catch-up")
    output = schedule(shell, "run-now")
    job_id = re.search(r"^run (timed-\S+)$", output, re.MULTILINE)
    assert job_id and f"earthline runs follow {job_id[1]}" in output
    assert (shell.folder / "runs" / job_id[1] / "run.json").is_file()
    assert "schedule of timed deleted" in schedule(shell, "delete")


def test_a_schedule_without_a_cron_expression_is_not_made(shell: Shell) -> None:
    output = schedule(shell, "create", "--set", "schedule.cron=soon", code=2)
    assert "schedule.cron: 'soon' is no cron expression" in output
