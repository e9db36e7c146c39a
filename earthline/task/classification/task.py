"""The task itself: its three sides in one object, made from a config or from what files hold."""

from typing import ClassVar, Self

from earthline.config.sections.labels import PROBABILITIES, ClassLabels, Labels
from earthline.formats.task_record import TaskRecord
from earthline.task.classification.confidence import ClassConfidenceSide
from earthline.task.classification.doubts import ClassDoubtSide
from earthline.task.classification.judgement import ClassJudgementSide
from earthline.task.classification.labels import ClassLabelSide
from earthline.task.classification.maps import ClassMapSide
from earthline.task.task import Task


class Classification(ClassLabelSide, ClassMapSide, ClassJudgementSide, ClassDoubtSide, ClassConfidenceSide, Task):
    """The classes of a map, and all that follows from them."""

    name: ClassVar[str] = "classification"
    output: ClassVar[str] = PROBABILITIES
    kind: ClassVar[str] = ClassLabels.KIND

    @classmethod
    def of_labels(cls, labels: Labels) -> Self:
        """As `Task.of_labels`."""
        if not isinstance(labels, ClassLabels):
            raise TypeError(f"{type(labels).__name__} name no classes")
        return cls(labels.class_names, labels.colors, labels.numbers, labels.ranges)

    @classmethod
    def of_record(cls, record: TaskRecord) -> Self:
        """As `Task.of_record`."""
        return cls(record.entries)

    @property
    def entries(self) -> tuple[str, ...]:
        """The classes' names."""
        return self.names
