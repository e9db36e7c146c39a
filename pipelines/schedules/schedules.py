"""The schedule of a workflow on Vertex AI: one per workflow name; creating it again updates it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.api_core.client_options import ClientOptions
from google.cloud import aiplatform
from google.protobuf import field_mask_pb2

from earthline import run_name
from earthline.config import Config
from earthline.vertex.connection import connect
from pipelines.resource_labels import WORKFLOW_LABEL, resource_labels
from pipelines.schedules.differences import Difference, between, facts
from pipelines.schedules.summary import Summary, summary
from pipelines.submission import exclusive, pipeline_job, refuse_active

_FIELDS = ("cron", "start_time", "end_time", "max_run_count", "max_concurrent_run_count")
_LIMITS = ("max_concurrent_active_run_count", "allow_queueing")
_REQUEST = "create_pipeline_job_request"


class ScheduleError(ValueError):
    """The schedule's state does not allow what was asked, or there is no schedule."""


@dataclass(frozen=True)
class Plan:
    """What `apply` will do.

    Attributes:
        wanted: The schedule as the config has it.
        current: The one that is there, if any.
        differences: Between the two; everything where none is there.
        surplus: Resource names of further schedules of the workflow, which go.
    """

    wanted: Any
    current: Any
    differences: tuple[Difference, ...]
    surplus: tuple[str, ...]


class Schedules:
    """The schedules of Earthline's workflows in one place."""

    def __init__(self, project: str, location: str) -> None:
        """Connects with the ambient credentials.

        Args:
            project: Google Cloud project id.
            location: Vertex AI location.
        """
        connect(project, location)
        self._project = project
        self._parent = f"projects/{project}/locations/{location}"
        # The class for schedules that the SDK puts on top of this client loses labels' values, the display name of the
        # runs and the argument of `resume`: github.com/googleapis/python-aiplatform/issues/2929.
        options = ClientOptions(api_endpoint=f"{location}-aiplatform.googleapis.com")
        self._client = aiplatform.gapic.ScheduleServiceClient(client_options=options, transport="rest")
        self._jobs = aiplatform.gapic.PipelineServiceClient(client_options=options, transport="rest")

    def every(self) -> list[Summary]:
        """Every schedule of an Earthline workflow, newest first."""
        return [summary(schedule) for schedule in self._all()]

    def plan(self, config: Config, template: bytes, *, caching: bool) -> Plan:
        """What must be done so that the workflow runs as its config says.

        Args:
            config: The workflow's config.
            template: Its compiled pipeline.
            caching: Whether steps whose inputs have not changed are taken from earlier runs.

        Raises:
            ScheduleError: The config has no `schedule.cron`.
        """
        if config.schedule.cron is None:
            raise ScheduleError(
                f"workflow '{config.name}' has no schedule: set `schedule.cron`, such as `0 3 1 * *` for 03:00 on the "
                "first day of each month"
            )
        wanted = self._wanted(config, template, caching)
        there = self._of(config.name)
        # One that is complete cannot be brought back to life.
        alive = [schedule for schedule in there if schedule.state.name != "COMPLETED"]
        current = alive[0] if alive else None
        surplus = tuple(schedule.name for schedule in there if schedule is not current)
        before = facts(current) if current is not None else {}
        after = facts(wanted)
        if wanted.start_time is None:
            # Vertex AI puts the moment of the creation where the config gives no start.
            before.pop("schedule.start", None)
        return Plan(wanted, current, between(before, after), surplus)

    def apply(self, plan: Plan) -> Summary:
        """Creates the schedule, or updates the one that is there; one that is paused stays so.

        Args:
            plan: Of `plan`.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Vertex AI refuses it.
        """
        workflow = plan.wanted.display_name
        surplus = list(plan.surplus)
        with exclusive(self._project, workflow):
            if plan.current is None or _unsets(plan.current, plan.wanted):
                made = self._client.create_schedule(parent=self._parent, schedule=plan.wanted)
                if plan.current is not None:
                    if plan.current.state.name == "PAUSED":
                        self._client.pause_schedule(name=made.name)
                    surplus.append(plan.current.name)
            elif plan.differences:
                wanted = type(plan.wanted)(plan.wanted, name=plan.current.name)
                fields = [field for field in (*_FIELDS, *_LIMITS) if getattr(wanted, field)]
                # A field that is false is told from one that is absent by the mask alone.
                mask = field_mask_pb2.FieldMask(paths=sorted({*fields, "allow_queueing", _REQUEST}))
                made = self._client.update_schedule(schedule=wanted, update_mask=mask)
            else:
                made = plan.current
            for name in surplus:
                self._client.delete_schedule(name=name).result()
        return summary(self._client.get_schedule(name=made.name))

    def pause(self, workflow: str) -> Summary:
        """Starts no run of a workflow until its schedule is resumed.

        Raises:
            ScheduleError: It has no schedule, or one that is not active.
        """
        current = self._current(workflow)
        if current.state.name != "ACTIVE":
            raise ScheduleError(
                f"the schedule of '{workflow}' is {current.state.name.lower()}: there is nothing to pause"
            )
        self._client.pause_schedule(name=current.name)
        return summary(self._client.get_schedule(name=current.name))

    def resume(self, workflow: str, *, catch_up: bool) -> Summary:
        """Starts runs of a workflow again.

        Args:
            workflow: Name of the workflow.
            catch_up: Whether the runs that were missed since the pause are made up for.

        Raises:
            ScheduleError: It has no schedule, or one that is not paused.
        """
        current = self._current(workflow)
        if current.state.name != "PAUSED":
            raise ScheduleError(
                f"the schedule of '{workflow}' is {current.state.name.lower()}: there is nothing to resume"
            )
        self._client.resume_schedule(request={"name": current.name, "catch_up": catch_up})
        return summary(self._client.get_schedule(name=current.name))

    def delete(self, workflow: str) -> int:
        """Deletes the workflow's schedule; its runs stay.

        Returns:
            How many there were: more than one where somebody else made some.

        Raises:
            ScheduleError: It has none.
        """
        self._current(workflow)
        there = self._of(workflow)
        for schedule in there:
            self._client.delete_schedule(name=schedule.name).result()
        return len(there)

    def run_now(self, workflow: str, *, force: bool, announce: Callable[[str], None] = lambda job_id: None) -> str:
        """Starts what the schedule would start, now.

        Args:
            workflow: Name of the workflow.
            force: Whether it goes on where nothing is new since the last accepted run.
            announce: Takes the id of the pipeline job before it is submitted.

        Returns:
            Id of the pipeline job.

        Raises:
            ScheduleError: It has no schedule.
            ActiveRunError: The workflow runs already.
        """
        job = self._current(workflow).create_pipeline_job_request.pipeline_job
        if force:
            job.runtime_config.parameter_values["force"] = True
        with exclusive(self._project, workflow):
            refuse_active(workflow)
            job_id = run_name.new(workflow)
            announce(job_id)
            self._jobs.create_pipeline_job(parent=self._parent, pipeline_job=job, pipeline_job_id=job_id)
        return job_id

    def _wanted(self, config: Config, template: bytes, caching: bool) -> Any:
        section = config.schedule
        job = pipeline_job(config, template, caching=caching)
        run = aiplatform.gapic.PipelineJob(
            display_name=config.name,
            pipeline_spec=job.pipeline_spec,
            runtime_config=job.runtime_config,
            labels=resource_labels(config),
            service_account=config.environment.service_account or "",
        )
        return aiplatform.gapic.Schedule(
            display_name=config.name,
            cron=section.cron,
            start_time=section.start,
            end_time=section.end,
            max_run_count=section.max_runs,
            # The first limits how many are being started at a time, the second how many are under way.
            max_concurrent_run_count=section.max_concurrent_runs,
            max_concurrent_active_run_count=section.max_concurrent_runs,
            allow_queueing=section.allow_queueing,
            create_pipeline_job_request={"parent": self._parent, "pipeline_job": run},
        )

    def _all(self, wanted: str = "") -> list[Any]:
        found = self._client.list_schedules(
            request={"parent": self._parent, "filter": wanted, "order_by": "create_time desc"}
        )
        return [each for each in found if WORKFLOW_LABEL in each.create_pipeline_job_request.pipeline_job.labels]

    def _of(self, workflow: str) -> list[Any]:
        return [each for each in self._all(f'display_name="{workflow}"') if each.display_name == workflow]

    def _current(self, workflow: str) -> Any:
        there = self._of(workflow)
        if not there:
            raise ScheduleError(f"workflow '{workflow}' has no schedule here; `earthline schedule create` makes one")
        return there[0]


def _unsets(current: Any, wanted: Any) -> bool:
    """True where the wanted schedule lacks a value of the current one, which no update of Vertex AI can remove."""
    return any(getattr(current, field) and not getattr(wanted, field) for field in ("end_time", "max_run_count"))
