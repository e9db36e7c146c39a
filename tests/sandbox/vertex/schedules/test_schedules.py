"""Schedules, by the real `aiplatform.PipelineJobSchedule`, on a clock that the test sets."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from hypothesis import given
from hypothesis import strategies as st
from kfp import compiler, dsl

from earthline_sandbox.errors import ApiError
from earthline_sandbox.vertex.schedules.cron import Cron
from tests.sandbox.vertex.conftest import Vertex
from tests.sandbox.vertex.rest_client import FINAL

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
LABELS = {"team": "maps"}
ACCOUNT = "trainer@sandbox.iam.gserviceaccount.com"


@dsl.container_component
def wait_for(file: str):  # type: ignore[no-untyped-def]  # KFP wants no annotation here
    return dsl.ContainerSpec(image="any", command=["sh", "-c", 'until [ -e "$0" ]; do sleep 0.05; done', file])


@dsl.pipeline(name="Land Cover")
def pipeline(file: str = "/") -> None:
    wait_for(file=file)


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment


class Calendar:
    """A service whose clock the test sets, met by the real client."""

    def __init__(self, home: Path) -> None:
        self.clock = SetClock()
        self.vertex = Vertex(home, self.clock)
        self.folder = home
        self.template = str(home / "pipeline.yaml")
        compiler.Compiler().compile(pipeline, self.template)

    def pass_time(self, minutes: float = 1) -> None:
        """Moves the clock on, and looks at it."""
        self.clock.moment += timedelta(minutes=minutes)
        self.vertex.service.schedules.tick()

    def job(self, **options: Any) -> aiplatform.PipelineJob:
        """A job that ends at once, or when its file appears."""
        root = {"display_name": "once", "pipeline_root": "gs://schedules/root", "template_path": self.template}
        return aiplatform.PipelineJob(**{**root, "labels": LABELS, **options})

    def schedule(
        self, name: str = "monthly", cron: str = "* * * * *", **options: Any
    ) -> aiplatform.PipelineJobSchedule:
        job = options.pop("job", None) or self.job()
        made = aiplatform.PipelineJobSchedule(pipeline_job=job, display_name=name)
        made.create(cron=cron, **options)
        return made

    def runs(self, schedule: aiplatform.PipelineJobSchedule) -> list[Any]:
        """Its jobs, oldest first."""
        jobs = schedule.list_jobs(enable_simple_view=False)
        return sorted((job.gca_resource for job in jobs), key=lambda job: job.name)

    def settle(self, schedule: aiplatform.PipelineJobSchedule) -> list[Any]:
        """Its jobs, once all have ended."""
        deadline = time.monotonic() + 30
        while any(job.state.name not in FINAL for job in self.runs(schedule)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return self.runs(schedule)

    def restart(self) -> None:
        self.vertex.stop()
        self.vertex.start()


def fresh(schedule: aiplatform.PipelineJobSchedule) -> Any:
    """The schedule as the service has it now."""
    return aiplatform.PipelineJobSchedule.get(schedule.resource_name).gca_resource


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calendar]:
    calendar = Calendar(tmp_path_factory.mktemp("schedules"))
    aiplatform.init(
        project="sandbox",
        location="us-central1",
        api_endpoint=f"http://127.0.0.1:{calendar.vertex.port}",
        api_transport="rest",
        credentials=AnonymousCredentials(),
    )
    yield calendar
    calendar.vertex.client.close()
    calendar.vertex.stop()


@pytest.fixture
def calendar(served: Calendar) -> Iterator[Calendar]:
    served.clock.moment = NOON
    (served.folder / "storage" / "schedules").mkdir(parents=True, exist_ok=True)
    yield served
    served.vertex.reset()


def test_a_run_starts_each_time_it_is_due_and_keeps_what_the_job_had(calendar: Calendar) -> None:
    job = calendar.job(enable_caching=False, parameter_values={"file": "/"})
    made = calendar.schedule(job=job, service_account=ACCOUNT)
    assert made.state.name == "ACTIVE"
    assert made.gca_resource.next_run_time == NOON.replace(minute=1, second=0)
    assert calendar.runs(made) == []
    calendar.pass_time()
    calendar.pass_time()
    first, second = calendar.settle(made)
    assert [job.state.name for job in (first, second)] == ["PIPELINE_STATE_SUCCEEDED"] * 2
    for run in (first, second):
        assert run.schedule_name == made.resource_name
        assert run.labels["team"] == "maps"
        assert run.service_account == ACCOUNT
        assert run.runtime_config.parameter_values["file"] == "/"
        (task,) = type(run).to_dict(run)["pipeline_spec"]["root"]["dag"]["tasks"].values()
        assert task["cachingOptions"] == {"enableCache": False}
        assert [task.state.name for task in run.job_detail.task_details] == ["SUCCEEDED"]
    assert first.name.partition("/pipelineJobs/")[2].startswith("land-cover-20260301120100-")
    now = fresh(made)
    assert now.started_run_count == 2
    assert now.last_scheduled_run_response.run_response == "OK"
    assert now.last_scheduled_run_response.scheduled_run_time == NOON.replace(minute=2, second=0)
    assert now.next_run_time == NOON.replace(minute=3, second=0)


def test_list_finds_schedules_by_their_fields(calendar: Calendar) -> None:
    one, two = calendar.schedule("maps one"), calendar.schedule("maps two", "0 3 1 * *")
    calendar.schedule("other")
    two.pause()

    def names(text: str, **options: Any) -> list[str]:
        return [found.display_name for found in aiplatform.PipelineJobSchedule.list(filter=text, **options)]

    assert names('display_name="maps one"') == ["maps one"]
    assert names('state="ACTIVE" AND display_name:"maps*"') == ["maps one"]
    assert names('next_run_time>"2026-03-02T00:00:00Z"') == ["maps two"]
    assert len(names("create_pipeline_job_request:* AND NOT end_time:*")) == 3
    assert names("", order_by="display_name") == ["maps one", "maps two", "other"]
    one.delete()
    with pytest.raises(exceptions.NotFound):
        aiplatform.PipelineJobSchedule.get(one.resource_name)
    calendar.pass_time()
    assert names('display_name:"maps*"') == ["maps two"]


def test_an_update_changes_what_its_mask_names(calendar: Calendar) -> None:
    made = calendar.schedule(max_run_count=5)
    made.update(cron="TZ=America/New_York 0 9 * * *", display_name="daily")
    now = fresh(made)
    assert (now.display_name, now.max_run_count) == ("daily", 5)
    assert now.next_run_time == datetime(2026, 3, 1, 14, tzinfo=UTC)
    with pytest.raises(exceptions.BadRequest, match="malformed"):
        made.update(cron="61 * * * *")
    assert fresh(made).cron == "TZ=America/New_York 0 9 * * *"
    path = f"/v1/{made.resource_name}?updateMask=maxRunCount,cron"
    refusal = calendar.vertex.call("PATCH", path, {"cron": "0 0 * * *"}, expect=400)
    assert "maxRunCount cannot be unset" in refusal["error"]["message"]
    change = {"startedRunCount": "7", "allowQueueing": True}
    calendar.vertex.call("PATCH", f"/v1/{made.resource_name}?updateMask=startedRunCount,allowQueueing", change)
    assert (fresh(made).started_run_count, fresh(made).allow_queueing) == (0, True)


@pytest.mark.parametrize(("catch_up", "expected"), [(True, 3), (False, 0)])
def test_what_a_pause_missed_is_made_up_for_if_asked(calendar: Calendar, catch_up: bool, expected: int) -> None:
    made = calendar.schedule()
    made.pause()
    assert made.state.name == "PAUSED"
    calendar.pass_time(3)
    assert calendar.runs(made) == []
    # The client's own resume() forgets its argument.
    calendar.vertex.call("POST", f"/v1/{made.resource_name}:resume", {"catchUp": catch_up})
    deadline = time.monotonic() + 30
    while len(calendar.settle(made)) < expected:
        assert time.monotonic() < deadline
        calendar.pass_time(0)
    calendar.pass_time(0)
    now = fresh(made)
    assert (now.catch_up, now.started_run_count) == (catch_up, expected)
    assert now.next_run_time == NOON.replace(minute=4, second=0)
    assert now.last_pause_time == NOON
    assert now.last_resume_time == NOON + timedelta(minutes=3)


def test_missed_runs_are_caught_up_with_one_at_a_time(calendar: Calendar, tmp_path: Path) -> None:
    file = tmp_path / "go"
    made = calendar.schedule(job=calendar.job(parameter_values={"file": str(file)}, enable_caching=False))
    made.pause()
    calendar.pass_time(3)
    calendar.vertex.call("POST", f"/v1/{made.resource_name}:resume", {"catchUp": True})
    calendar.pass_time(0)
    calendar.pass_time(0)
    assert len(calendar.runs(made)) == 1
    assert fresh(made).next_run_time < calendar.clock.moment
    file.touch()


@pytest.mark.parametrize("queue", [True, False])
def test_a_run_over_the_limit_waits_or_is_skipped(calendar: Calendar, tmp_path: Path, queue: bool) -> None:
    file = tmp_path / "go"
    job = calendar.job(parameter_values={"file": str(file)}, enable_caching=False)
    made = calendar.schedule(job=job, max_concurrent_active_run_count=1, allow_queueing=queue)
    for _ in range(3):
        calendar.pass_time()
    assert len(calendar.runs(made)) == 1
    now = fresh(made)
    if queue:
        assert now.next_run_time == NOON.replace(minute=2, second=0)
    else:
        assert now.last_scheduled_run_response.run_response.startswith("Skipped")
        assert now.next_run_time == NOON.replace(minute=4, second=0)
    file.touch()
    deadline = time.monotonic() + 30
    while len(calendar.settle(made)) < (3 if queue else 1):
        assert time.monotonic() < deadline
        calendar.pass_time(0)
    assert fresh(made).started_run_count == (3 if queue else 1)


def test_starts_alone_are_not_limited_by_the_runs_under_way(calendar: Calendar, tmp_path: Path) -> None:
    file = tmp_path / "go"
    job = calendar.job(parameter_values={"file": str(file)}, enable_caching=False)
    made = calendar.schedule(job=job, max_concurrent_run_count=1)
    calendar.pass_time()
    calendar.pass_time()
    assert len(calendar.runs(made)) == 2
    file.touch()


def test_a_schedule_is_complete_after_its_last_run(calendar: Calendar) -> None:
    made = calendar.schedule(max_run_count=2)
    for _ in range(4):
        calendar.pass_time()
    assert len(calendar.runs(made)) == 2
    assert made.state.name == "COMPLETED"
    assert not fresh(made).next_run_time
    for verb in ("pause", "resume"):
        with pytest.raises(exceptions.BadRequest, match="COMPLETED"):
            getattr(made, verb)()


def test_runs_lie_between_start_and_end(calendar: Calendar) -> None:
    made = calendar.schedule(start_time="2026-03-01T12:03:00Z", end_time="2026-03-01T14:04:30+02:00")
    assert fresh(made).next_run_time == NOON.replace(minute=3, second=0)
    seen = []
    for _ in range(6):
        calendar.pass_time()
        seen.append((len(calendar.runs(made)), made.state.name))
    assert seen == [(0, "ACTIVE"), (0, "ACTIVE"), (1, "ACTIVE"), (2, "COMPLETED"), (2, "COMPLETED"), (2, "COMPLETED")]


@pytest.mark.parametrize(
    ("start", "due"), [("0001-01-01T00:00:00Z", NOON.replace(minute=1, second=0)), ("9999-12-31T23:59:59Z", None)]
)
def test_a_start_at_either_end_of_the_calendar_is_taken(calendar: Calendar, start: str, due: datetime | None) -> None:
    made = calendar.schedule(start_time=start)
    assert (fresh(made).next_run_time or None) == due
    calendar.pass_time()
    assert len(calendar.settle(made)) == (1 if due else 0)


def test_a_laptop_that_slept_runs_late_but_once(calendar: Calendar) -> None:
    made = calendar.schedule()
    calendar.pass_time(600)
    (run,) = calendar.runs(made)
    assert "-20260301220000-" in run.name
    assert fresh(made).next_run_time == datetime(2026, 3, 1, 22, 1, tzinfo=UTC)


@pytest.mark.parametrize("catch_up", [True, False])
def test_a_schedule_survives_a_restart(calendar: Calendar, catch_up: bool) -> None:
    made = calendar.schedule(max_run_count=10)
    made.pause()
    calendar.vertex.call("POST", f"/v1/{made.resource_name}:resume", {"catchUp": catch_up})
    calendar.pass_time()
    calendar.settle(made)
    calendar.vertex.stop()
    calendar.clock.moment += timedelta(minutes=2)
    calendar.vertex.start()
    expected = 3 if catch_up else 1
    deadline = time.monotonic() + 30
    while len(calendar.settle(made)) < expected:
        assert time.monotonic() < deadline
        calendar.pass_time(0)
    calendar.pass_time()
    assert len(calendar.settle(made)) == expected + 1
    assert fresh(made).started_run_count == expected + 1


def test_a_run_that_was_started_before_a_crash_is_not_started_again(calendar: Calendar) -> None:
    made = calendar.schedule()
    [record] = (calendar.folder / "vertex" / "records").rglob("schedules/*.json")
    before = record.read_bytes()
    calendar.pass_time()
    calendar.settle(made)
    calendar.vertex.stop()
    kept = json.loads(before)
    kept["catchUp"] = True
    record.write_text(json.dumps(kept))
    calendar.vertex.start()
    calendar.pass_time(0)
    assert len(calendar.runs(made)) == 1
    assert fresh(made).started_run_count == 1


def test_a_run_that_cannot_start_is_told_and_the_next_is_tried(calendar: Calendar) -> None:
    made = calendar.schedule()
    [path] = (calendar.folder / "vertex" / "records").rglob("schedules/*.json")
    record = json.loads(path.read_text())
    record["createPipelineJobRequest"]["pipelineJob"]["labels"] = {"team": "NOT VALID"}
    path.write_text(json.dumps(record))
    calendar.pass_time()
    calendar.pass_time()
    now = fresh(made)
    assert now.last_scheduled_run_response.run_response.startswith("INVALID_ARGUMENT: The label")
    assert (now.started_run_count, now.next_run_time) == (0, NOON.replace(minute=3, second=0))


def test_a_sandbox_with_an_active_schedule_is_busy(calendar: Calendar) -> None:
    assert not calendar.vertex.service.busy()
    made = calendar.schedule()
    assert calendar.vertex.service.busy()
    assert calendar.vertex.service.status()["schedules"]["schedules"][0]["displayName"] == "monthly"
    made.pause()
    assert not calendar.vertex.service.busy()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cron": "* * * *"}, "malformed"),
        ({"cron": "0 * * * * *"}, "malformed"),
        ({"cron": "0 0 L * *"}, "malformed"),
        ({"cron": "TZ=Mars/Olympus 0 0 1 * *"}, "no time zone"),
        ({"cron": "CRON_TZ=../../etc/passwd 0 0 1 * *"}, "no time zone"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": ""}, "cron is not set"),
        ({"displayName": "x" * 129}, "128"),
        ({"maxConcurrentRunCount": "0"}, "maxConcurrentRunCount"),
        ({"maxRunCount": "-1"}, "must be positive"),
        ({"endTime": "2026-03-01T11:00:00Z"}, "endTime"),
        ({"createNotebookExecutionJobRequest": {"parent": "x"}}, "oneof"),
        ({"createPipelineJobRequest": {"parent": "projects/sandbox/locations/us-central1"}}, "pipelineJob"),
        ({"createPipelineJobRequest": {"parent": "nowhere", "pipelineJob": {"displayName": "a"}}}, "nowhere"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_is_malformed_is_refused(calendar: Calendar, change: dict[str, Any], said: str) -> None:
    made = calendar.schedule()
    body = calendar.vertex.call("GET", f"/v1/{made.resource_name}")
    refusal = calendar.vertex.call("POST", "schedules", {**body, **change}, expect=400)
    assert refusal["error"]["status"] == "INVALID_ARGUMENT"
    assert said in refusal["error"]["message"]
    assert len(aiplatform.PipelineJobSchedule.list()) == 1


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("TZ=Europe/Paris 0 3 1 * *", "2026-03-01T03:00:00+00:00", "2026-04-01T01:00:00+00:00"),
        ("CRON_TZ=America/New_York 1 * * * *", "2026-03-01T12:00:30+00:00", "2026-03-01T12:01:00+00:00"),
        # The clock skips 02:30: due when it jumps. It shows 02:30 twice: due once.
        ("TZ=Europe/Paris 30 2 * * *", "2026-03-28T12:00:00+00:00", "2026-03-29T01:00:00+00:00"),
        ("TZ=Europe/Paris 30 2 * * *", "2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"),
        ("0 0 13 * FRI", "2026-03-01T00:00:00+00:00", "2026-03-06T00:00:00+00:00"),
    ],
)
def test_cron_follows_the_zone(text: str, after: str, expected: str) -> None:
    assert Cron(text).after(datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


@given(text=st.text(max_size=40) | st.from_regex(r"\A((CRON_)?TZ=\S{0,20} )?([0-9*,/-]{1,4} ){4}[0-9*A-Z]{1,4}\Z"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        cron = Cron(text)
    except ApiError as refusal:
        assert refusal.status == "INVALID_ARGUMENT"
        return
    following = cron.after(NOON)
    assert following is not None and following > NOON
    assert cron.latest(following) == following
