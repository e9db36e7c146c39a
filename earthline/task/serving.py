"""What is served of a model, as a contract describes it: from the names that a config asks for."""

from collections.abc import Sequence

from earthline.config.answers import APPLICABLE
from earthline.config.sections.outputs import Output
from earthline.formats.certainty import DISSIMILARITY, Certainty
from earthline.formats.served.outputs import ServedOutput
from earthline.task.task import Task


def served(
    asked: Sequence[Output], task: Task, further: Sequence[str], certainty: Certainty
) -> tuple[ServedOutput, ...]:
    """The outputs, in the order of what is asked for.

    Args:
        asked: Names, and types where they are not the usual ones.
        task: What the model was trained for.
        further: Names of what it gives after the task's entries.
        certainty: Its limits.

    Raises:
        ValueError: The model does not give what an output is made of.
    """
    found = []
    for each in asked:
        output = _output(each.name, task, further, certainty)
        found.append(output if each.type is None else output.model_copy(update={"type": each.type}))
    return tuple(found)


def _output(name: str, task: Task, further: Sequence[str], certainty: Certainty) -> ServedOutput:
    count = len(task.entries)
    if task.map_output is not None and name == task.map_output.name:
        return task.map_output
    if name == task.output:
        return ServedOutput(name=name, entries=count, used=count)
    if name in task.confidence_bands:
        return task.confidence_output(name, certainty)
    source = DISSIMILARITY if name == APPLICABLE else name
    if source not in further:
        raise ValueError(f"serving.outputs: the model gives no '{source}'; train it again with this config")
    place = count + list(further).index(source)
    if name != APPLICABLE:
        return ServedOutput(name=name, first=place)
    if certainty.dissimilarity_limit is None:
        raise ValueError(f"serving.outputs: '{name}' needs a limit that the model does not have; train it again")
    return ServedOutput(name=name, type="uint8", made="at_most", first=place, limit=certainty.dissimilarity_limit)
