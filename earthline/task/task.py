"""What every task knows, and nothing outside a task does: labels, maps and how a model is judged.

Its fourth side, the head of the network, needs Keras and is in `trainer/heads/`.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from earthline.config.sections.labels import Labels
from earthline.formats.task_record import TaskRecord
from earthline.task.confidence import ConfidenceSide
from earthline.task.doubts import DoubtSide
from earthline.task.judgement import JudgementSide
from earthline.task.maps import MapSide


class Task(MapSide, JudgementSide, DoubtSide, ConfidenceSide):
    """How labels are encoded, what is learned and judged, and what a map looks like."""

    name: ClassVar[str]
    """Key of `earthline.task.TASKS` and of `trainer.heads.HEADS`."""
    output: ClassVar[str]
    """Name of a model's one output."""
    kind: ClassVar[str]
    """What the entries of the output are, as a plural."""

    @classmethod
    @abstractmethod
    def of_labels(cls, labels: Labels) -> Self:
        """The task that a config asks for.

        Args:
            labels: The config's section, of the class that stands in `TASKS`.
        """

    @classmethod
    @abstractmethod
    def of_record(cls, record: TaskRecord) -> Self:
        """The task of examples or of a model; what is only for drawing may be missing.

        Args:
            record: Which `record` gave.

        Raises:
            ValueError: It is not what this task writes.
        """

    @property
    @abstractmethod
    def entries(self) -> tuple[str, ...]:
        """Names along the last axis of a model's output."""

    @property
    def options(self) -> Mapping[str, Any]:
        """What `of_record` needs besides the entries, as plain values."""
        return {}

    @property
    def record(self) -> TaskRecord:
        """The task as files hold it; equal where examples, model and config fit together."""
        return TaskRecord(
            name=self.name, output=self.output, entries=self.entries, kind=self.kind, options=dict(self.options)
        )
