"""The gate: a gain that another draw of test blocks might undo promotes nothing."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from earthline.formats.evaluations import Gate
from earthline.task import Task
from earthline.task.bootstrap import MIN_BLOCKS, Bootstrap

Array = np.ndarray[Any, Any]

ALWAYS = -1.0
"""The `min_gain` under which no gain can lie: whoever sets it wants the model deployed whatever it shows."""


def decide(
    model: Array,
    other: Array,
    *,
    task: Task,
    metric: str,
    bootstrap: Bootstrap,
    min_gain: float,
    compared_with: str,
    shown: str,
    note: str = "",
    same: bool = False,
    parts: Mapping[str, float | None] | None = None,
    floors: Mapping[str, float] | None = None,
) -> Gate:
    """Compares two models on the same pixels.

    The model passes where the lower bound of the interval of its gain in the metric lies above `min_gain`, and no part
    lies below its floor. With too few blocks for an interval no gain can be told from chance: it passes only where
    `min_gain` is -1.

    Args:
        model: The task's tally of the new model, (blocks, ...).
        other: That of what it is compared with, on the same pixels.
        task: What is learned.
        metric: Name of the metric that counts.
        bootstrap: Of as many blocks.
        min_gain: As in the config.
        compared_with: Name of the other.
        shown: The same for people.
        note: What whoever reads the metrics must know besides, such as why the champion does not count.
        same: Whether the other is the champion and gives the same everywhere: the model that serves passes.
        parts: How well the new model does in each part, as the task's `parts` gives it.
        floors: Least values of some parts, as in the config.
    """
    sums, others = task.gate_sums(model), task.gate_sums(other)
    gain = float(task.gain(sums.sum(axis=0), others.sum(axis=0), metric))
    interval = bootstrap.interval(task.gain(bootstrap.totals(sums), bootstrap.totals(others), metric), paired=True)
    low = [] if same else _low(task, parts or {}, floors or {})
    if min_gain <= ALWAYS:
        blessed, verdict = True, "deployed whatever the gain, as evaluate.min_gain is -1"
    elif same:
        blessed, verdict = True, "as it is the very model that serves, which stays"
    elif interval is None:
        blessed = False
        verdict = (
            f"with {bootstrap.blocks} test block(s) it cannot be told from chance; {MIN_BLOCKS} are needed: use a "
            "smaller export.block_shape, a larger share for the test split, or evaluate.min_gain: -1 to deploy all "
            "the same"
        )
    elif interval.low > min_gain:
        blessed, verdict = True, f"all of it above evaluate.min_gain {min_gain:g}"
    elif gain > min_gain:
        blessed = False
        verdict = f"which another draw of test blocks might bring down to evaluate.min_gain {min_gain:g}: not enough"
    else:
        blessed, verdict = False, f"too little where evaluate.min_gain is {min_gain:g}"
    if low:
        verdict = f"{verdict}, but {' and '.join(low)}" if blessed else f"{verdict}; besides, {' and '.join(low)}"
        blessed = False
    measure = task.measures[metric]
    bounds = (
        f" ({100 * bootstrap.confidence:g} % interval {interval.low:+.4f} to {interval.high:+.4f} from "
        f"{bootstrap.blocks} blocks)"
        if interval
        else ""
    )
    unit = f" {measure.unit}" if measure.unit else ""
    form = ",.4g" if unit else ".4f"
    mine, theirs = (f"{format(task.gate_value(each, metric), form)}{unit}" for each in (model, other))
    share = " of that" if measure.relative else ""
    reason = f"{measure.title} {mine} against {theirs} of {shown}: a gain of {gain:+.4f}{share}{bounds}"
    return Gate(
        metric=metric,
        blessed=blessed,
        compared_with=compared_with,
        gain=gain,
        gain_interval=interval,
        min_gain=min_gain,
        reason=f"{reason}, {verdict}" + (f" ({note})" if note else ""),
    )


def _low(task: Task, parts: Mapping[str, float | None], floors: Mapping[str, float]) -> list[str]:
    """Which parts lie below their floors, in words."""
    found = []
    for name, floor in floors.items():
        value = parts.get(name)
        if value is None:
            found.append(f"{task.part_title} of '{name}' is unknown, as no test pixel has this label")
        elif value < floor:
            found.append(f"{task.part_title} of '{name}' is {value:.3f}, below evaluate.floors {floor:g}")
    return found
