"""Results as Markdown: a table for each set, and one for the variants."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.accuracy import models
from benchmarks.accuracy.pooling import CONFIDENCE, LEAST_SEEDS, Figure, Pool
from benchmarks.accuracy.results import PLAIN, Result
from benchmarks.accuracy.sets import Source

AGAINST = ("baseline_forest", "baseline_boosting")
"""The baselines: both see the bands of 3 x 3 pixels and statistics of larger windows."""
SHOWN = ("macro_f1", "accuracy", "r2", "rmse")
"""Metrics of the table, as far as a task has them; the first decides."""
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
"""What a page holds between these is written anew."""

Runs = Mapping[tuple[str, str], Sequence[Result]]
"""Results by model and variant."""


def page(results: Sequence[Result], sets: Mapping[str, Source]) -> str:
    """All tables.

    Args:
        results: Of any sets, models, variants and seeds.
        sets: By name, in the order of the page.
    """
    parts = []
    for name, source in sets.items():
        of_set = [result for result in results if result.cell.set == name]
        about = f"{source.about[0].upper()}{source.about[1:]}."
        parts.append("\n\n".join([f"## {source.title}", about, _set(of_set), *_missing(name, of_set)]))
    changed = [result for result in results if result.cell.variant != PLAIN and result.cell.set in sets]
    if changed:
        parts.append("## Settings, each against the model without it\n\n" + _variants(results, sets))
    return "\n\n".join(parts)


def put(path: Path, text: str) -> None:
    """Writes tables into a page between its two marks.

    Raises:
        ValueError: The page lacks a mark.
    """
    old = path.read_text(encoding="utf-8")
    if BEGIN not in old or END not in old:
        raise ValueError(f"--page: {path} lacks the line {BEGIN} or {END}; add both where the tables belong")
    before, rest = old.split(BEGIN, 1)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def _set(results: Sequence[Result]) -> str:
    plain = {key: runs for key, runs in _runs(results).items() if key[1] == PLAIN}
    if not plain:
        return "Not measured yet."
    pool = Pool(results)
    metrics = [metric for metric in SHOWN if metric in pool.task.measures]
    decides = metrics[0]
    others = [name for name in AGAINST if (name, PLAIN) in plain]
    heads = [
        "model",
        "seeds",
        *(pool.task.measures[metric].short for metric in metrics),
        *(f"gain over {_spoken(name)}" for name in others),
        "training, s",
        "numbers held",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for (model, _), runs in plain.items():
        cells = [f"`{model}`", str(len(runs))]
        cells += [_value(pool.mean(runs, metric)) for metric in metrics]
        for name in others:
            cells.append("" if name == model else _gain(pool.gain(runs, plain[name, PLAIN], decides)))
        cells.append(f"{_median([run.train_seconds for run in runs]):.0f}")
        held = [run.parameters for run in runs if run.parameters is not None]
        cells.append(f"{_median(held):,.0f}" if held else "")
        lines.append("| " + " | ".join(cells) + " |")
    pixels = _median([run.pixels for runs in plain.values() for run in runs])
    told = [
        f"Gains are in {pool.task.measures[decides].title}; a split tests about {pixels:,.0f} pixels.",
        *(_verdict(pool, plain, name, decides) for name in others),
        *(_choices(model, runs) for (model, _), runs in plain.items()),
    ]
    return "\n".join(lines) + "\n\n" + " ".join(filter(None, told))


def _missing(name: str, results: Sequence[Result]) -> list[str]:
    """Which models have no result on a set, in a sentence; nothing where all have."""
    there = {result.cell.model for result in results if result.cell.variant == PLAIN}
    lacking = [f"`{model}`" for model in models.names() if models.suits(model, {}, name) and model not in there]
    return [f"Not measured here yet: {', '.join(lacking)}."] if there and lacking else []


def _choices(model: str, runs: Sequence[Result]) -> str:
    """What a model that is one of several took on each split, in a sentence; nothing of another model."""
    taken = Counter(run.chosen for run in runs if run.chosen)
    shown = ", ".join(f"`{name}` {count}" for name, count in taken.most_common())
    splits = "1 split" if taken.total() == 1 else f"{taken.total()} splits"
    return f"Of {splits} `{model}` took {shown}." if taken else ""


def _verdict(pool: Pool, plain: Runs, other: str, metric: str) -> str:
    """Whether anything beats a model, in a sentence."""
    gains = {
        model: pool.gain(runs, plain[other, PLAIN], metric)
        for (model, _), runs in plain.items()
        if model not in AGAINST
    }
    # With too few seeds for an interval nothing is concluded.
    gains = {model: gain for model, gain in gains.items() if gain.low is not None}
    surely = [f"`{model}`" for model, gain in gains.items() if gain.above]
    if surely:
        return f"Surely better than {_spoken(other)}: {', '.join(surely)}."
    ahead = [f"`{model}`" for model, gain in gains.items() if gain.value > 0]
    if ahead:
        return f"No model is surely better than {_spoken(other)}; ahead of it by the mean: {', '.join(ahead)}."
    return f"**None of the models measured here beats {_spoken(other)}.**" if gains else ""


def _variants(results: Sequence[Result], sets: Mapping[str, Source]) -> str:
    names = [name for name in sets if any(run.cell.set == name and run.cell.variant != PLAIN for run in results)]
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        of_set = [result for result in results if result.cell.set == name]
        pool, runs = Pool(of_set), _runs(of_set)
        metric = next(metric for metric in SHOWN if metric in pool.task.measures)
        for (model, variant), changed in runs.items():
            if variant != PLAIN and (model, PLAIN) in runs:
                gain = pool.gain(changed, runs[model, PLAIN], metric)
                rows.setdefault((model, variant), {})[name] = f"{_gain(gain)}, {gain.seeds} seeds"
    heads = ["model", "setting", *(sets[name].title for name in names)]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for (model, variant), found in sorted(rows.items()):
        lines.append(f"| `{model}` | {variant} | " + " | ".join(found.get(name, "") for name in names) + " |")
    return "\n".join(lines)


def _runs(results: Sequence[Result]) -> dict[tuple[str, str], list[Result]]:
    """By model and variant, models in the order of models.yaml."""
    order = models.names()
    known = [result for result in results if result.cell.model in order]
    found: dict[tuple[str, str], list[Result]] = {}
    for result in sorted(known, key=lambda run: (order.index(run.cell.model), run.cell.variant, run.cell.seed)):
        found.setdefault((result.cell.model, result.cell.variant), []).append(result)
    return found


def _value(figure: Figure) -> str:
    form = ".3f" if abs(figure.value) < 10 else ".1f"
    return f"{figure.value:{form}}" + ("" if figure.low is None else f" [{figure.low:{form}}, {figure.high:{form}}]")


def _gain(figure: Figure) -> str:
    if not figure.seeds:
        return "no seed in common"
    text = f"{figure.value:+.3f}" + ("" if figure.low is None else f" [{figure.low:+.3f}, {figure.high:+.3f}]")
    return f"**{text}**" if figure.above or figure.below else text


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _spoken(model: str) -> str:
    return f"the {model.replace('_', ' ')}"


NOTE = (
    f"Intervals are at {100 * CONFIDENCE:g} %, over blocks of ground and seeds at once; none is given below "
    f"{LEAST_SEEDS} seeds."
)
