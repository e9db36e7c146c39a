"""A compiled KFP pipeline (`ml_pipelines.PipelineSpec`) as data classes, which `compiled` reads and checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from earthline_sandbox.vertex.pipelines.conditions import Condition
from earthline_sandbox.vertex.pipelines.parameters import Definition, Selector


@dataclass(frozen=True)
class ArtifactType:
    """The declaration of an input or output artifact.

    Attributes:
        schema_title: Such as `system.Model`.
        schema_version: Such as `0.0.1`.
        is_list: True for a list of artifacts.
        optional: True where none needs to be given.
        metadata: What an output artifact's metadata begins with.
    """

    schema_title: str
    schema_version: str
    is_list: bool = False
    optional: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Constant:
    """A value that the pipeline itself holds; texts in it may have placeholders."""

    value: Any
    selector: Selector | None = None


@dataclass(frozen=True)
class FromInput:
    """An input of the enclosing component."""

    name: str
    selector: Selector | None = None


@dataclass(frozen=True)
class FromTask:
    """An output of a task beside this one."""

    producer: str
    key: str
    selector: Selector | None = None


@dataclass(frozen=True)
class FinalStatus:
    """How a task beside this one ended."""

    producer: str


Source = Constant | FromInput | FromTask | FinalStatus


@dataclass(frozen=True)
class Retry:
    """How a failed task is tried again.

    Attributes:
        count: Further attempts at most.
        backoff: Seconds before the first of them.
        factor: By which the wait grows each time.
        longest: Longest wait in seconds.
    """

    count: int = 0
    backoff: float = 0.0
    factor: float = 2.0
    longest: float = 3600.0

    def wait(self, attempt: int) -> float:
        """Seconds to wait after failed attempt number `attempt`, which counts from 0."""
        try:
            return min(self.backoff * self.factor**attempt, self.longest)
        except OverflowError:
            return self.longest


@dataclass(frozen=True)
class Loop:
    """A `dsl.ParallelFor`.

    Attributes:
        item: Input of the loop's component that gets the item.
        items: The items themselves, or None where `source` names the input that holds them.
        source: Input of the task.
        artifacts: True where the items are artifacts.
        limit: Iterations that run at the same time at most; 0 sets no limit.
    """

    item: str
    items: tuple[Any, ...] | None
    source: str
    artifacts: bool
    limit: int


@dataclass(frozen=True)
class Container:
    """A container to run.

    Attributes:
        image: Image reference.
        command: Entry point, with placeholders; empty is the image's own.
        args: Arguments, with placeholders.
        env: Environment variables, with placeholders.
    """

    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Importer:
    """An artifact that exists already.

    Attributes:
        uri: Constant uri with placeholders; the input parameter `uri` wins over it.
        type: Its type.
        metadata: Its metadata, with placeholders.
    """

    uri: str
    type: ArtifactType
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Dag:
    """Tasks and where the outputs come from.

    Attributes:
        tasks: By key.
        parameters: For each output parameter the tasks' outputs of which the first that exists is taken.
        artifacts: The same for output artifacts.
    """

    tasks: Mapping[str, "Task"]
    parameters: Mapping[str, tuple[FromTask, ...]]
    artifacts: Mapping[str, tuple[FromTask, ...]]


@dataclass(frozen=True)
class Component:
    """What a task runs.

    Attributes:
        name: Key among the components; `root` for the pipeline itself.
        parameters: Input parameters.
        artifacts: Input artifacts.
        output_parameters: Output parameters.
        output_artifacts: Output artifacts.
        body: Container, importer or further tasks.
    """

    name: str
    parameters: Mapping[str, Definition]
    artifacts: Mapping[str, ArtifactType]
    output_parameters: Mapping[str, Definition]
    output_artifacts: Mapping[str, ArtifactType]
    body: Container | Importer | Dag


@dataclass(frozen=True)
class Task:
    """One task of a DAG.

    Attributes:
        key: Key in its DAG.
        name: Display name.
        component: What it runs.
        parameters: Where its input parameters come from.
        artifacts: Where its input artifacts come from.
        upstream: Keys of the tasks that must end before it.
        condition: Decides whether it runs; None is always.
        after_failure: True where it runs however its upstream tasks ended.
        cache: True where an earlier result may be reused.
        cache_key: Key of the user's own for the cache; empty is none.
        retry: How it is tried again.
        loop: Items for each of which it runs; None runs it once.
    """

    key: str
    name: str
    component: Component
    parameters: Mapping[str, Source]
    artifacts: Mapping[str, Source]
    upstream: frozenset[str]
    condition: Condition | None
    after_failure: bool
    cache: bool
    cache_key: str
    retry: Retry
    loop: Loop | None


@dataclass(frozen=True)
class Pipeline:
    """A whole pipeline.

    Attributes:
        name: Name that its author gave it.
        root: The component at its root, whose body is a DAG.
        default_root: Folder `gs://…` for artifacts where a job gives none; may be empty.
    """

    name: str
    root: Component
    default_root: str
