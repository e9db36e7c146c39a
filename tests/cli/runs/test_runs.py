"""`earthline runs` in a plain shell: each command finds its own way to the sandbox."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.drivers import placed

from ..conftest import Shell

ROOT = Path(__file__).parents[3]
SUBMIT = """
import sys
from datetime import UTC, datetime
from pathlib import Path

from earthline.config import load
from pipelines import submission
from pipelines.runs import records
from pipelines.runs.run import Run
from tiny_pipeline import template

config = load(Path(sys.argv[1]), ["name=commanded-under-quite-a-long-name"])
for defaults in ({"seconds": 0.5}, {"seconds": 0.5, "fail": True}, {"seconds": 900.0}):
    job_id = submission.submit(config, template(**defaults), caching=False)
    records.Record(
        job_id=job_id, workflow="commanded-under-quite-a-long-name", target="sandbox", project="sandbox",
        location="us-central1", created=datetime.now(UTC), state="PENDING",
    ).write()
    print(job_id)
    if defaults["seconds"] < 1:
        for _ in Run("sandbox", "us-central1", job_id).follow():
            pass
"""


@pytest.fixture(scope="module")
def jobs(sandbox: Any, shell: Shell) -> Iterator[list[str]]:
    """Ids of a run that succeeded, one that failed, and one that runs for a long time."""
    script = f"{placed(shell.folder)}{SUBMIT}"
    reply = sandbox.run([sys.executable, "-c", script, str(ROOT / "configs/quickstart.yaml")])
    yield reply.stdout.split()
    shell.earthline("runs", "cancel", reply.stdout.split()[-1])


def test_list_shows_states(shell: Shell, jobs: list[str]) -> None:
    code, out, err = shell.earthline("runs", "list", "--workflow", "commanded-under-quite-a-long-name")
    assert (code, err) == (0, "")
    header, *lines = out.splitlines()
    assert header.split() == ["id", "workflow", "state", "outcome", "created", "by"]
    rows = {line.split()[0]: line.split()[2] for line in lines}
    assert rows == {jobs[0]: "done", jobs[1]: "failed", jobs[2]: "running"}


def test_show_fetches_the_results_of_a_run_that_ended(shell: Shell, jobs: list[str]) -> None:
    code, out, err = shell.earthline("runs", "show", jobs[0])
    assert (code, err) == (0, "")
    assert "accuracy   0.700 (0.650 to 0.750) on the test blocks, forest 0.600" in out
    assert (shell.folder / "runs" / jobs[0] / "map.tif").read_bytes() == b"tif"


def test_following_a_failed_run_shows_the_end_of_its_log_and_where_the_whole_lies(
    shell: Shell, jobs: list[str]
) -> None:
    code, out, err = shell.earthline("runs", "follow", jobs[1])
    assert (code, err) == (1, "")
    assert "predict_map failed" in out
    assert "  ValueError: shard 3 holds NaN in band B4" in out
    path = next(line.removeprefix("the whole log: ") for line in out.splitlines() if line.startswith("the whole log"))
    whole = (shell.folder / path).read_text().splitlines()
    assert whole[-1] == "ValueError: shard 3 holds NaN in band B4"
    assert len(whole) > 20
    # And what is not lost by starting it again.
    assert out.splitlines()[-1].startswith("next: once that is mended, the same command again: steps that have ended")


def test_a_submission_whose_command_was_killed_is_found_again(shell: Shell, jobs: list[str]) -> None:
    path = shell.folder / "runs" / jobs[0] / "run.json"
    record = json.loads(path.read_text())
    # Killed after Vertex AI took it, and before: to this machine it is the same.
    path.write_text(json.dumps({**record, "state": "SUBMITTING"}))
    lost = {**record, "job_id": f"{jobs[0]}x", "state": "SUBMITTING"}
    (shell.folder / "runs" / lost["job_id"]).mkdir()
    (shell.folder / "runs" / lost["job_id"] / "run.json").write_text(json.dumps(lost))
    try:
        _, out, _ = shell.earthline("runs", "list")
        rows = {line.split()[0]: re.split(r"  +", line)[2:-2] for line in out.splitlines()[1:]}
        assert (rows[jobs[0]], rows[lost["job_id"]]) == (["done"], ["not started"])
        code, out, err = shell.earthline("runs", "show", jobs[0])
        assert (code, err, json.loads(path.read_text())["state"]) == (0, "", "SUCCEEDED")
        code, out, err = shell.earthline("runs", "show", lost["job_id"])
        assert (code, out) == (2, "")
        assert err == (
            f"error: run '{lost['job_id']}' never arrived at Vertex AI: nothing runs. Start it again with "
            "`earthline run`\n"
        )
    finally:
        shutil.rmtree(shell.folder / "runs" / lost["job_id"])


def test_where_results_cannot_be_kept_the_outcome_is_told_all_the_same(shell: Shell, jobs: list[str]) -> None:
    folder = shell.folder / "runs" / jobs[0]
    shutil.rmtree(folder)
    folder.write_text("a file where the folder would be")
    try:
        code, out, err = shell.earthline("runs", "follow", jobs[0], "--config", str(ROOT / "configs/quickstart.yaml"))
    finally:
        folder.unlink()
    assert (code, err) == (1, "")
    assert f"run {jobs[0]} done" in out
    assert f"fetch them with `earthline runs show {jobs[0]}`" in out


def test_logs_of_an_unknown_step_are_refused(shell: Shell, jobs: list[str]) -> None:
    code, _, err = shell.earthline("runs", "logs", jobs[1], "train_modle")
    assert code == 2
    assert "evaluate_model" in err


def test_an_interrupt_leaves_the_run_and_tells_the_way_back_and_cancel_ends_it(shell: Shell, jobs: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "cli", "runs", "follow", jobs[2]],
        env=shell.variables,
        cwd=shell.folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "evaluate_model" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"earthline runs follow {jobs[2]}" in out
    code, out, _ = shell.earthline("runs", "cancel", jobs[2])
    assert (code, out) == (0, f"run {jobs[2]} is being cancelled\n")
    deadline = time.monotonic() + 60
    while f"{jobs[2]}  commanded-under-quite-a-long-name  cancelled" not in (
        shown := shell.earthline("runs", "list")[1]
    ):
        assert time.monotonic() < deadline, shown


@pytest.mark.parametrize(("job_id", "words"), [("no-such-run", "no run 'no-such-run'"), ("../x", "is not the id")])
def test_a_run_that_does_not_exist_is_exit_code_two(shell: Shell, jobs: list[str], job_id: str, words: str) -> None:
    code, out, err = shell.earthline("runs", "show", job_id)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
