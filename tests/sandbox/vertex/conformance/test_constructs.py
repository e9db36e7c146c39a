"""Each construct in the sandbox's engine and in kfp.local 2.17: both give what the construct's file says."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in (HERE / "constructs").glob("*.py"))


def lines(trace: Path) -> list[str]:
    return trace.read_text().splitlines()


def compare(run: dict[str, Any], found: Sequence[str], state: str, error: object = None) -> None:
    """Compares what a run left with what it must give; tasks side by side may write in any order."""
    assert state == run.get("state", "SUCCEEDED"), error
    if "trace" in run:
        assert sorted(found) == sorted(run["trace"])
    if "among" in run:
        # Which of them ran before the first failure is chance: kfp.local orders tasks anew in every process.
        assert set(found) <= set(run["among"])
    if "lines" in run:
        assert len(found) == run["lines"], found
    for text, count in run.get("count", {}).items():
        assert sum(text in line for line in found) == count, found


@pytest.mark.parametrize("name", NAMES)
def test_the_sandbox_runs(name: str, construct: ModuleType, engine: Any, tmp_path: Path) -> None:
    spec = engine.compile(construct.pipeline, getattr(construct, "CACHING", False))
    trace = tmp_path / "trace"
    for run in construct.RUNS:
        trace.write_text("")
        for key, text in run.get("objects", {}).items():
            (engine.bucket / key).write_text(text)
        arguments = {
            key: value.replace("{root}", "gs://conformance") if isinstance(value, str) else value
            for key, value in run.get("arguments", {}).items()
        }
        config = {"failurePolicy": run["policy"]} if "policy" in run else {}
        job = engine.submit(spec, {"trace": str(trace), **arguments}, **config)
        cancelled: list[str] = []

        def cancel_when_asked(
            job: dict[str, Any] = job,
            cancelled: list[str] = cancelled,
            text: str = getattr(construct, "CANCEL_AFTER", ""),
        ) -> None:
            if text and not cancelled and text in trace.read_text():
                engine.vertex.call("POST", f"/v1/{job['name']}:cancel", {})
                cancelled.append(text)

        job = engine.wait(job, cancel_when_asked)
        compare(run, lines(trace), job["state"].removeprefix("PIPELINE_STATE_"), job.get("error"))
        if hasattr(construct, "check"):
            construct.check(lines(trace))
        states = {task["taskUniqueName"]: task["state"] for task in job["jobDetail"]["taskDetails"]}
        assert states == {**states, **run.get("tasks", {})}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What kfp.local gives for every run of every construct, from one process of its own."""
    folder = tmp_path_factory.mktemp("local")
    done = subprocess.run(
        [sys.executable, str(HERE / "local_runs.py"), str(folder)],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, list[dict[str, Any]]] = json.loads((folder / "found.json").read_text())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_kfp_local_does_as_the_table_says(
    name: str, construct: ModuleType, local: dict[str, list[dict[str, Any]]]
) -> None:
    apart = getattr(construct, "LOCAL_RUNS", [{}] * len(construct.RUNS))
    assert (apart is None) == (name not in local)
    if apart is None:
        assert construct.LOCAL != "same"
        return
    for run, differs, found in zip(construct.RUNS, apart, local[name], strict=True):
        wanted = differs if {"trace", "lines", "among"} & set(differs) else run
        compare(
            wanted | {"state": differs.get("state", run.get("state", "SUCCEEDED"))},
            found["trace"],
            found["state"],
            found["error"],
        )
    # Only a difference that is written down may be there, and only one that is there may be written down.
    assert not construct.LOCAL.startswith("same") or not any("state" in differs for differs in apart)
    assert construct.LOCAL != "same" or not any(apart)


def test_the_documents_hold_this_table() -> None:
    table = subprocess.run([sys.executable, str(HERE / "table.py")], capture_output=True, text=True, check=True).stdout
    page = HERE.parents[3] / "docs" / "explanation" / "pipelines.md"
    assert table in page.read_text(), f"write it anew: python {HERE / 'table.py'} {page}"
