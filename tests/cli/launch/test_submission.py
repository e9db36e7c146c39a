"""A run's id and record are there before the run is, and stay whatever happens then."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from google.api_core.exceptions import AlreadyExists, GoogleAPIError, InvalidArgument, ServiceUnavailable
from rich.console import Console

from cli.launch.submission import UncertainError, submit_recorded
from cli.terminal import failures
from earthline.config import Environment
from pipelines.runs import records
from pipelines.runs.records import RecordError

JOB = "forests-20260101-000000-abcd"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Sender:
    """Submits as `pipelines.submission` does: it announces the id, and then the request ends in some way."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.sent = False

    def __call__(self, announce: Callable[[str], None]) -> str:
        announce(JOB)
        # What was there at the moment of the request, which a crash of this process would leave.
        self.before = (records.read(JOB).state, (records.folder(JOB) / records.PIPELINE).read_bytes())
        self.sent = True
        if self.error is not None:
            raise self.error
        return JOB


def submit(sender: Sender) -> tuple[records.Record | None, str, BaseException | None]:
    """The record that came back, what was shown, and the error."""
    shown = io.StringIO()
    try:
        record = submit_recorded(Environment(), "forests", Console(file=shown), sender, b"steps: 9", "name: forests")
        return record, shown.getvalue(), None
    except BaseException as error:
        return None, shown.getvalue(), error


def test_the_record_is_there_before_the_request_and_completed_after_it() -> None:
    sender = Sender()
    record, shown, _ = submit(sender)
    assert sender.before == (records.SUBMITTING, b"steps: 9")
    assert record is not None and record.state == records.read(JOB).state == "PENDING"
    assert shown == f"run {JOB}\n"
    assert (records.folder(JOB) / records.CONFIG).read_text() == "name: forests"


def test_a_run_that_is_refused_is_recorded_so() -> None:
    _, shown, error = submit(Sender(InvalidArgument("labels: too long")))
    assert isinstance(error, InvalidArgument)
    assert records.read(JOB).state == records.REFUSED
    assert JOB in shown


@pytest.mark.parametrize(
    "error",
    [ServiceUnavailable("try later"), requests.ConnectionError("reset"), AlreadyExists("by a try before")],
    ids=lambda error: type(error).__name__,
)
def test_where_the_answer_is_lost_the_id_is_not(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    _, shown, raised = submit(Sender(error))
    assert isinstance(raised, UncertainError)
    assert records.read(JOB).state == records.SUBMITTING
    assert f"run {JOB}" in shown
    assert failures.report(raised) == failures.RUN_FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert f"not known whether it was started; `earthline runs show {JOB}` tells" in line


def test_an_interrupt_while_submitting_leaves_the_way_back(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, raised = submit(Sender(KeyboardInterrupt()))
    assert isinstance(raised, KeyboardInterrupt)
    assert records.read(JOB).state == records.SUBMITTING
    assert f"`earthline runs show {JOB}` tells" in capsys.readouterr().err


def test_without_a_place_for_the_record_nothing_is_sent(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder would be")
    sender = Sender()
    _, _, error = submit(sender)
    assert isinstance(error, RecordError)
    assert f"{tmp_path}/runs/{JOB} cannot be written (Not a directory)" in str(error)
    assert not sender.sent
    with pytest.raises(RecordError, match="start the command in a folder that you can write"):
        records.require_writable()


def test_what_comes_before_the_announcement_is_told_as_it_is() -> None:
    def active(announce: Callable[[str], None]) -> str:
        raise GoogleAPIError("no such project")

    with pytest.raises(GoogleAPIError, match="no such project"):
        submit_recorded(Environment(), "forests", Console(file=io.StringIO()), active)
    assert not records.RUNS.exists()


def test_a_check_of_the_folder_leaves_nothing_in_it() -> None:
    records.require_writable()
    assert list(records.RUNS.iterdir()) == []
    assert json.dumps([each.job_id for each in records.read_all()]) == "[]"
