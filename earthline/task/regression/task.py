"""The task itself: its three sides in one object, made from a config or from what files hold."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from earthline.config.sections.labels import Labels, ValueFeatures, ValueLabels
from earthline.formats.task_record import TaskRecord
from earthline.task.regression.judgement import ValueJudgementSide
from earthline.task.regression.labels import ValueLabelSide
from earthline.task.regression.maps import ValueMapSide
from earthline.task.task import Task


class Regression(ValueLabelSide, ValueMapSide, ValueJudgementSide, Task):
    """A continuous value, and all that follows from it."""

    name: ClassVar[str] = "regression"
    output: ClassVar[str] = "values"
    kind: ClassVar[str] = ValueLabels.KIND

    @classmethod
    def of_labels(cls, labels: Labels) -> Self:
        """As `Task.of_labels`."""
        if not isinstance(labels, ValueLabels):
            raise TypeError(f"{type(labels).__name__} name no value")
        value = labels.value
        # The labels of a file are in the value's unit since it was read.
        is_read = isinstance(labels, ValueFeatures) and (labels.features is not None or labels.content is not None)
        return cls(
            title=value.name,
            unit=value.unit,
            ends=value.range,
            breaks=value.bounds,
            colors=value.colors,
            multiply=1.0 if is_read else value.multiply,
            add=0.0 if is_read else value.add,
            ignored=() if is_read else labels.ignored,
        )

    @classmethod
    def of_record(cls, record: TaskRecord) -> Self:
        """As `Task.of_record`."""
        try:
            (title,), options = record.entries, record.options
            low, high = map(float, options["range"])
            return cls(title, str(options["unit"]), (low, high), tuple(map(float, options["breaks"])))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no record of a value: {error}") from error

    @property
    def entries(self) -> tuple[str, ...]:
        """The value's name."""
        return (self.title,)

    @property
    def options(self) -> Mapping[str, Any]:
        """Unit, range and breaks."""
        return {"unit": self.unit, "range": list(self.ends), "breaks": list(self.breaks)}
