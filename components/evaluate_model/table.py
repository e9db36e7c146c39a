"""An evaluation as the log and the pipeline's metrics show it."""

from earthline.formats.evaluations import Evaluation, Metric
from earthline.task import Task
from earthline.task.bootstrap import MIN_BLOCKS
from earthline.task.judgement import with_interval


def summary(result: Evaluation) -> dict[str, float]:
    """The metrics that pipelines show beside a run, by name."""
    found = {name: metric.value for name, metric in result.model.metrics.items()}
    found |= {f"baseline_{name}": metric.value for name, metric in result.best_baseline.scores.metrics.items()}
    found |= {
        "test_pixels": float(result.test.pixels),
        "test_blocks": float(result.test.blocks),
        "gain": result.gate.gain,
    }
    if result.gate.gain_interval is not None:
        found |= {"gain_low": result.gate.gain_interval.low, "gain_high": result.gate.gain_interval.high}
    if result.champion is not None and result.champion.scores is not None:
        found[f"champion_{result.gate.metric}"] = result.gated(result.champion.scores).value
    return found


def table(result: Evaluation, task: Task) -> str:
    """All metrics as text, for the log."""
    test = result.test
    wide = max(len(name) for name in result.columns)
    heads = " ".join(f"{measure.short:<22}" for measure in result.measures.values())
    lines = [
        f"{test.pixels} test pixels of {test.patches} patches in {test.blocks} blocks; intervals at "
        f"{100 * test.confidence:g} % by resampling blocks"
        + ("" if test.blocks >= MIN_BLOCKS else f": not given, since there are fewer than {MIN_BLOCKS} blocks"),
        f"{'':<{wide}} {heads}",
    ]
    for name, scores in result.columns.items():
        cells = (with_interval(scores.metrics[key].value, scores.metrics[key].interval) for key in result.measures)
        lines.append(f"{name:<{wide}} " + " ".join(f"{text:<22}" for text in cells).rstrip())
    return "\n".join([*lines, *task.table_lines(result), *_further_lines(result)])


def _further_lines(result: Evaluation) -> list[str]:
    """What the gate does not look at: certainty, parts of the ground, and what another split would have made of it."""
    metric, short, lines = result.gate.metric, result.measure.short, []
    if result.calibration is not None:
        error, ground = result.calibration.error, result.calibration.ground
        lines.append(f"expected calibration error {with_interval(error.value, error.interval)}{_on_all_ground(ground)}")
    if result.sets is not None:
        held, size = result.sets.held, result.sets.size
        lines.append(
            f"sets that should hold the label for {100 * result.sets.coverage:g} % of the pixels hold it for "
            f"{with_interval(held.value, held.interval)}{_on_all_ground(result.sets.ground)}, with "
            f"{with_interval(size.value, size.interval)} in each"
        )
        each = (f"{name} {with_interval(found.value, found.interval)}" for name, found in result.sets.by_label.items())
        lines.append(f"of the pixels of each label they hold it for: {', '.join(each)}")
    for part in result.slices:
        cells = ", ".join(
            f"{column} {with_interval(found[metric].value, found[metric].interval)}"
            for column, found in part.metrics.items()
        )
        lines.append(f"{part.kind}, {part.name}: {part.pixels} pixels in {part.blocks} blocks; {short}: {cells}")
    effect = result.split_effect
    if effect is not None:
        one, other = (each[metric] for each in (effect.random, effect.blocked))
        gain = effect.gains[metric]
        lines.append(
            f"a forest on {effect.pixels} training pixels: {short} {with_interval(one.value, one.interval)} where "
            f"random patches are left out, {with_interval(other.value, other.interval)} where whole blocks are, a gain "
            f"of {with_interval(gain.value, gain.interval)}: {effect.told(metric).lower()}"
        )
    return lines


def _on_all_ground(metric: Metric | None) -> str:
    return "" if metric is None else f" ({with_interval(metric.value, metric.interval)} on all ground)"
