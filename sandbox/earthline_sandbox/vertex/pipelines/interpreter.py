"""The interpreter of compiled pipelines: one thread decides what runs next, a pool of threads runs the tasks."""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Final

from earthline_sandbox.errors import ApiError
from earthline_sandbox.vertex.pipelines import parameters, placeholders
from earthline_sandbox.vertex.pipelines.conditions import ConditionError
from earthline_sandbox.vertex.pipelines.job_record import JobRecord
from earthline_sandbox.vertex.pipelines.specification import (
    Component,
    Constant,
    Dag,
    FinalStatus,
    FromInput,
    FromTask,
    Pipeline,
    Task,
)
from earthline_sandbox.vertex.pipelines.tasks import JobContext, LeafTask, Outcome
from earthline_sandbox.vertex.rest import names

_LOG: Final = logging.getLogger(__name__)

Json = dict[str, Any]
Artifacts = dict[str, list[Json]]


class InputError(Exception):
    """An input of a task that has no value."""


@dataclass(eq=False)
class Frame:
    """A DAG in progress.

    Attributes:
        component: What is run.
        dag: Its body.
        parameters: Input parameters.
        artifacts: Input artifacts.
        task_id: Number of the task that it is; empty for the root.
        unique_name: Prefix of its tasks' unique names.
        finish: Called once with its outcome.
        waiting: Upstream tasks that have not ended, by task.
        ended: Outcomes by task.
    """

    component: Component
    dag: Dag
    parameters: Json
    artifacts: Artifacts
    task_id: str
    unique_name: str
    finish: Callable[[Outcome], None]
    waiting: dict[str, set[str]] = field(default_factory=dict)
    downstream: dict[str, list[str]] = field(default_factory=dict)
    ended: dict[str, Outcome] = field(default_factory=dict)


@dataclass(eq=False)
class Iterations:
    """A loop in progress.

    Attributes:
        items: For each iteration, its input parameters and artifacts.
        outcomes: How each ended; None while it has not.
        begun: Iterations that were begun.
        open: Iterations that have not ended.
    """

    items: list[tuple[Json, Artifacts]]
    outcomes: list[Outcome | None]
    begun: int = 0
    open: int = 0


class Interpreter:
    """Runs one job to its end.

    Independent tasks run side by side. A task whose upstream tasks did not succeed, or whose condition is false, is
    not triggered, and neither is what follows it, unless it asks to run after failures.
    """

    def __init__(
        self, pipeline: Pipeline, context: JobContext, record: JobRecord, pool: Executor, fail_fast: bool
    ) -> None:
        """Prepares a job.

        Args:
            pipeline: What to run.
            context: What its tasks share.
            record: Where its progress is noted.
            pool: Runs the leaves; its size bounds how many run at once.
            fail_fast: True to begin no task after one has failed, except those that run after failures.
        """
        self._pipeline = pipeline
        self._context = context
        self._record = record
        self._pool = pool
        self._fail_fast = fail_fast
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._ready: deque[tuple[Frame, str]] = deque()
        self._leaves: dict[str, LeafTask] = {}
        self._cancelled = False
        self._failed: list[str] = []
        self._first_error: ApiError | None = None
        self._result: Outcome | None = None

    def run(self, inputs: Json, artifacts: Artifacts) -> None:
        """Runs the job; returns when it has ended and its record is on disk.

        Args:
            inputs: Input parameters of the pipeline, converted and with defaults.
            artifacts: Input artifacts of the pipeline.
        """
        record = self._record
        record.change_state("PIPELINE_STATE_RUNNING")
        root = self._pipeline.root
        assert isinstance(root.body, Dag)
        scalars = self._scalars(self._context.job_id, "")
        inputs = {key: placeholders.fill(value, scalars, inputs) for key, value in inputs.items()}
        self._open(Frame(root, root.body, inputs, artifacts, "", "", self._end))
        while self._result is None:
            if self._ready:
                self._start(*self._ready.popleft())
                continue
            try:
                event = self._events.get(timeout=record.write_if_due())
            except queue.Empty:
                continue
            event()
        self._conclude(self._result)
        # The state may have been final before its last tasks were, as when the sandbox stops.
        if record.dirty:
            record.write()

    def cancel(self) -> None:
        """Asks the job to end: kills what runs, begins nothing more. Returns at once."""
        self._events.put(self._cancel)

    def _conclude(self, result: Outcome) -> None:
        if self._cancelled:
            self._record.change_state(
                "PIPELINE_STATE_CANCELLED", ApiError("CANCELLED", "The pipeline job was cancelled.")
            )
        elif result.state == "SUCCEEDED":
            self._record.change_state("PIPELINE_STATE_SUCCEEDED")
        else:
            failed = ", ".join(dict.fromkeys(self._failed))
            cause = self._first_error.message if self._first_error else ""
            message = f"The DAG failed because some tasks failed. The failed tasks are: [{failed}]. {cause}"
            self._record.change_state("PIPELINE_STATE_FAILED", ApiError("FAILED_PRECONDITION", message))

    def _cancel(self) -> None:
        self._cancelled = True
        for leaf in list(self._leaves.values()):
            # Stopping waits for the process, and the pool may be full of tasks that wait to be stopped.
            threading.Thread(target=leaf.cancel, name=f"cancel-{leaf.task_id}", daemon=True).start()

    def _end(self, outcome: Outcome) -> None:
        self._result = outcome

    def _open(self, frame: Frame) -> None:
        for key, task in frame.dag.tasks.items():
            frame.waiting[key] = set(task.upstream)
            for upstream in task.upstream:
                frame.downstream.setdefault(upstream, []).append(key)
        self._ready.extend((frame, key) for key, upstream in frame.waiting.items() if not upstream)

    def _ended(self, frame: Frame, key: str, outcome: Outcome) -> None:
        """Notes the end of a task and readies what waited for it; the end of the last one ends the DAG."""
        frame.ended[key] = outcome
        for follower in frame.downstream.get(key, ()):
            waiting = frame.waiting[follower]
            waiting.discard(key)
            if not waiting:
                self._ready.append((frame, follower))
        if len(frame.ended) == len(frame.dag.tasks):
            frame.finish(self._result_of(frame))

    def _result_of(self, frame: Frame) -> Outcome:
        outcomes = frame.ended
        result = Outcome("SUCCEEDED")
        failed = [frame.dag.tasks[key].name for key, outcome in outcomes.items() if outcome.state == "FAILED"]
        if failed:
            result.state = "FAILED"
            result.error = ApiError(
                "FAILED_PRECONDITION",
                f"The DAG failed because some tasks failed. The failed tasks are: [{', '.join(failed)}].",
            )
        elif any(outcome.state == "CANCELLED" for outcome in outcomes.values()):
            result.state = "CANCELLED"
        for name, sources in frame.dag.parameters.items():
            for source in sources:
                if source.key in outcomes[source.producer].parameters:
                    result.parameters[name] = outcomes[source.producer].parameters[source.key]
                    break
        for name, sources in frame.dag.artifacts.items():
            for source in sources:
                if source.key in outcomes[source.producer].artifacts:
                    result.artifacts[name] = outcomes[source.producer].artifacts[source.key]
                    break
        return result

    def _scalars(self, task_name: str, task_id: str) -> Mapping[str, str]:
        return {**self._context.scalars, "pipeline_task_name": task_name, "pipeline_task_uuid": task_id}

    def _start(self, frame: Frame, key: str) -> None:
        """Decides about a task whose upstream tasks have all ended, and begins it."""
        task = frame.dag.tasks[key]
        task_id = names.fresh_id()
        unique_name = f"{frame.unique_name}.{key}" if frame.unique_name else key
        scalars = self._scalars(task.name, task_id)
        blocked = not all(frame.ended[upstream].succeeded for upstream in task.upstream)
        halted = self._fail_fast and bool(self._failed)
        given: Json = {}
        artifacts: Artifacts = {}
        early: Outcome | None = None
        if self._cancelled or ((blocked or halted) and not task.after_failure):
            early = Outcome("CANCELLED" if self._cancelled else "NOT_TRIGGERED")
        else:
            try:
                given, artifacts = self._inputs(frame, task, scalars)
                if task.condition is not None and not task.condition.holds(given):
                    early = Outcome("NOT_TRIGGERED")
            except (InputError, ConditionError, parameters.ParameterError) as reason:
                early = self._fault(task, unique_name, reason)
        self._record.begin_task(task_id, frame.task_id, task.name, unique_name, given, artifacts)
        if early is not None:
            self._finish(frame, task, task_id, early)
        elif task.loop is not None:
            self._begin_loop(frame, task, task_id, unique_name, given, artifacts)
        elif isinstance(task.component.body, Dag):
            self._record.run_task(task_id)
            finish = self._finisher(frame, task, task_id)
            self._open(Frame(task.component, task.component.body, given, artifacts, task_id, unique_name, finish))
        else:
            leaf = LeafTask(self._context, task, task_id, unique_name, given, artifacts, scalars, self._note_attempt)
            self._leaves[task_id] = leaf
            self._pool.submit(self._run_leaf, leaf, frame, task)

    def _note_attempt(self, leaf: LeafTask) -> None:
        self._record.run_task(leaf.task_id, leaf.main_job, tuple(leaf.failed_jobs))

    def _run_leaf(self, leaf: LeafTask, frame: Frame, task: Task) -> None:
        try:
            outcome = leaf.run()
        except Exception as fault:
            _LOG.exception("Task %s of %s failed inside the sandbox", leaf.unique_name, self._record.name)
            reason = f"Task {leaf.unique_name!r}: the sandbox failed: {type(fault).__name__}: {fault}"
            outcome = Outcome("FAILED", error=ApiError("INTERNAL", reason))
        self._events.put(lambda: self._leaf_ended(leaf, frame, task, outcome))

    def _leaf_ended(self, leaf: LeafTask, frame: Frame, task: Task, outcome: Outcome) -> None:
        del self._leaves[leaf.task_id]
        if outcome.state == "FAILED":
            self._note_failure(task, outcome.error)
        self._finish(frame, task, leaf.task_id, outcome)

    def _fault(self, task: Task, unique_name: str, reason: object) -> Outcome:
        """A task that failed before anything of it ran."""
        error = ApiError("FAILED_PRECONDITION", f"Task {unique_name!r}: {reason}")
        self._note_failure(task, error)
        return Outcome("FAILED", error=error)

    def _note_failure(self, task: Task, error: ApiError | None) -> None:
        self._failed.append(task.name)
        self._first_error = self._first_error or error

    def _finisher(self, frame: Frame, task: Task, task_id: str) -> Callable[[Outcome], None]:
        return lambda outcome: self._finish(frame, task, task_id, outcome)

    def _finish(self, frame: Frame, task: Task, task_id: str, outcome: Outcome) -> None:
        self._record.end_task(task_id, outcome.state, outcome.parameters, outcome.artifacts, outcome.error)
        self._ended(frame, task.key, outcome)

    def _inputs(self, frame: Frame, task: Task, scalars: Mapping[str, str]) -> tuple[Json, Artifacts]:
        """The inputs of a task: what flows to it, then constants, which may refer to it, then defaults."""
        given: Json = {}
        artifacts: Artifacts = {}
        for name, source in task.parameters.items():
            match source:
                case FromInput(origin, selector) if origin in frame.parameters:
                    given[name] = _select(frame.parameters[origin], selector)
                case FromTask(producer, key, selector) if key in frame.ended[producer].parameters:
                    given[name] = _select(frame.ended[producer].parameters[key], selector)
                case FinalStatus(producer):
                    given[name] = self._final_status(frame, producer)
        for name, source in task.parameters.items():
            if isinstance(source, Constant):
                _check_references(task, name, source, given)
                given[name] = _select(placeholders.fill(source.value, scalars, given), source.selector)
        for name, source in task.artifacts.items():
            match source:
                case FromInput(origin):
                    found = frame.artifacts.get(origin)
                case FromTask(producer, key):
                    found = frame.ended[producer].artifacts.get(key)
                case _:
                    found = None
            if found is not None:
                artifacts[name] = found
        return self._complete(task, given, artifacts, scalars), artifacts

    def _complete(self, task: Task, given: Json, artifacts: Artifacts, scalars: Mapping[str, str]) -> Json:
        """Converts inputs to their declared types and adds defaults."""
        values = {name: parameters.whole(value) for name, value in given.items() if value is not None}
        is_leaf = not isinstance(task.component.body, Dag)
        for name, definition in task.component.parameters.items():
            if task.loop is not None and name == task.loop.item:
                continue
            if name in values:
                convert = parameters.convert_input if is_leaf else parameters.convert
                try:
                    values[name] = convert(values[name], definition, name)
                except parameters.ParameterError:
                    # Inside, a channel may be declared looser than what flows through it.
                    if is_leaf:
                        raise
            elif definition.has_default:
                default = placeholders.fill(definition.default, scalars, values)
                values[name] = parameters.convert(default, definition, name)
            elif not definition.optional and is_leaf:
                raise InputError(
                    f"its input parameter {name!r} ({definition.kind}) has no value: {_origin(task, name)}"
                )
        for name, declared in task.component.artifacts.items():
            if name not in artifacts and not declared.optional and is_leaf:
                raise InputError(
                    f"its input artifact {name!r} ({declared.schema_title}) is missing: {_origin(task, name)}"
                )
        return values

    def _final_status(self, frame: Frame, producer: str) -> Json:
        outcome = frame.ended[producer]
        status: Json = {
            "state": "SUCCEEDED" if outcome.succeeded else outcome.state,
            "pipelineJobResourceName": self._context.name,
            "pipelineTaskName": frame.dag.tasks[producer].name,
        }
        error = self._first_error if outcome.state == "FAILED" and self._first_error else outcome.error
        if error is not None:
            status["error"] = {key: error.to_rpc_status()[key] for key in ("code", "message")}
        return status

    def _begin_loop(
        self, frame: Frame, task: Task, task_id: str, unique_name: str, given: Json, artifacts: Artifacts
    ) -> None:
        assert task.loop is not None and isinstance(task.component.body, Dag)
        loop, dag = task.loop, task.component.body
        items: list[tuple[Json, Artifacts]] = []
        if loop.artifacts:
            items = [(given, {**artifacts, loop.item: [item]}) for item in artifacts.get(loop.source, [])]
        else:
            values = list(loop.items) if loop.items is not None else given.get(loop.source)
            if not isinstance(values, list):
                reason = f"it loops over {loop.source!r}, which is no list but {values!r:.200}."
                self._finish(frame, task, task_id, self._fault(task, unique_name, reason))
                return
            items = [({**given, loop.item: value}, artifacts) for value in values]
        self._record.run_task(task_id)
        run = Iterations(items, [None] * len(items))
        finish = self._finisher(frame, task, task_id)

        def begin_next() -> None:
            while run.begun < len(run.items) and (not loop.limit or run.open < loop.limit):
                index = run.begun
                run.begun += 1
                run.open += 1
                values, inputs = run.items[index]
                name = f"{unique_name}-{index}"
                iteration_id = names.fresh_id()
                self._record.begin_task(iteration_id, task_id, f"{task.name}-{index}", name, values, inputs)
                self._record.run_task(iteration_id)
                self._open(Frame(task.component, dag, values, inputs, iteration_id, name, ended(index, iteration_id)))

        def ended(index: int, iteration_id: str) -> Callable[[Outcome], None]:
            def note(outcome: Outcome) -> None:
                self._record.end_task(iteration_id, outcome.state, outcome.parameters, outcome.artifacts, outcome.error)
                run.outcomes[index] = outcome
                run.open -= 1
                begin_next()
                if not run.open:
                    finish(_collected(dag, [one for one in run.outcomes if one is not None]))

            return note

        begin_next()
        if not items:
            finish(_collected(dag, []))


def _collected(dag: Dag, outcomes: list[Outcome]) -> Outcome:
    """The outcome of a loop: each output is the list of the iterations' outputs, in their order."""
    result = Outcome("SUCCEEDED")
    for state in ("CANCELLED", "FAILED"):
        for outcome in outcomes:
            if outcome.state == state:
                result.state, result.error = state, outcome.error
    for name in dag.parameters:
        result.parameters[name] = [one.parameters[name] for one in outcomes if name in one.parameters]
    for name in dag.artifacts:
        result.artifacts[name] = [item for one in outcomes for item in one.artifacts.get(name, [])]
    return result


def _select(value: Any, selector: parameters.Selector | None) -> Any:
    return value if selector is None else selector.select(value)


def _check_references(task: Task, name: str, constant: Constant, given: Json) -> None:
    """Refuses a text that is built from a flow without a value: the container would get the placeholder itself.

    Placeholders of names that do not flow to the task are the container's own and stay.
    """
    for found in placeholders.find(constant.value):
        source = task.parameters.get(found.name) if (found.side, found.kind) == ("inputs", "parameters") else None
        if source is not None and not isinstance(source, Constant) and found.name not in given:
            origin = _origin(task, found.name)
            raise InputError(f"its input parameter {name!r} is built from {found.name!r}, which has no value: {origin}")


def _origin(task: Task, name: str) -> str:
    match task.parameters.get(name) or task.artifacts.get(name):
        case FromTask(producer, key):
            return f"the task {producer!r} gave no {key!r}."
        case FromInput(origin):
            return f"the input {origin!r} of its pipeline has none."
    return "nothing is bound to it."
