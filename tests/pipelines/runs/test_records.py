from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.runs import records
from pipelines.runs.records import Record, RecordError, StepRecord


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def record(job_id: str = "quickstart-1", day: int = 1) -> Record:
    return Record(
        job_id=job_id,
        workflow="quickstart",
        target="sandbox",
        project="sandbox",
        location="us-central1",
        created=datetime(2026, 1, day, tzinfo=UTC),
        state="SUCCEEDED",
        steps=(StepRecord(name="export_examples", state="SKIPPED", seconds=1.5),),
        results={"map": "map.tif"},
    )


def test_a_record_is_read_as_it_was_written() -> None:
    record().write()
    assert records.read("quickstart-1") == record()
    assert [path.name for path in Path("runs/quickstart-1").iterdir()] == ["run.json"]


def test_runs_come_newest_first_and_a_damaged_record_hides_no_other() -> None:
    record("first", 1).write()
    record("third", 3).write()
    record("second", 2).write()
    Path("runs/broken").mkdir()
    Path("runs/broken/run.json").write_text('{"job_id": ')
    assert [each.job_id for each in records.read_all()] == ["third", "second", "first"]
    with pytest.raises(RecordError, match=r"runs/broken/run\.json cannot be read"):
        records.read("broken")


def test_a_run_from_elsewhere_is_unknown() -> None:
    with pytest.raises(RecordError, match="was not submitted from this folder"):
        records.read("other-run")


@pytest.mark.parametrize("job_id", ["../secrets", "/etc/passwd", "a/b", "", ".", "a\n", "A", "a" * 129])
def test_an_id_never_names_a_folder_elsewhere(job_id: str) -> None:
    with pytest.raises(RecordError, match="is not the id of a run"):
        records.folder(job_id)


@given(st.text(max_size=20))
def test_every_accepted_id_is_one_folder_below_runs(job_id: str) -> None:
    try:
        folder = records.folder(job_id)
    except RecordError:
        return
    assert folder.parent == records.RUNS
