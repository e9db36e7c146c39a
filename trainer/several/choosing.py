"""Trains candidates and takes the cheapest that the validation blocks cannot tell from the best."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline.config.model import Fitted, Model, Network
from earthline.formats.evaluations import Candidate, Choice
from earthline.task import Task, task_of_record
from earthline.task.bootstrap import Bootstrap
from trainer import measurement
from trainer.lesson import Learned, Lesson
from trainer.loop.faults import OutOfMemory
from trainer.measured_pixels import MeasuredPixels
from trainer.models.auto import Auto
from trainer.models.ensemble import Ensemble
from trainer.several import comparison, finished
from trainer.several.averaging import averaged, chosen_weights
from trainer.several.finished import Part

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class _Judged:
    """A candidate that has learned: what each validation block adds to the metrics, and seconds for a megapixel."""

    part: Part
    tally: Array
    map_seconds: float


def choose(model: Auto, lesson: Lesson) -> Learned:
    """Trains every candidate and chooses one.

    Candidates that have learned are kept in the checkpoint's folder, so that an interrupted run goes on with the next.

    Args:
        model: Section `train.model` of the config.
        lesson: What they learn from.

    Raises:
        ValueError: No candidate can learn from these examples, or there is no such metric.
    """
    task = task_of_record(lesson.manifest.task)
    metric = model.metric or task.gate_metric
    if metric not in task.measures:
        raise ValueError(f"train.model.metric: '{metric}' is not measured; use one of {', '.join(task.measures)}")
    pixels = lesson.pixels["validation"]
    block = comparison.blocks(pixels, lesson.manifest)
    bootstrap = Bootstrap(int(block.max()) + 1, model.confidence, lesson.train.seed)
    judged: list[_Judged | Candidate] = []
    for place, candidate in enumerate(model.candidates):
        print(f"auto: candidate {place + 1} of {len(model.candidates)}: {candidate.name}", flush=True)
        try:
            part = finished.learned(candidate, lesson, folder(place, candidate))
        except (ValueError, OutOfMemory) as fault:
            print(f"auto: {candidate.name} is left out: {fault}", flush=True)
            options = candidate.model_dump(mode="json")
            judged.append(Candidate(name=candidate.name, options=options, fault=str(fault)))
            continue
        judged.append(_judged(part, pixels, block, task))
    found = [each for each in judged if isinstance(each, _Judged)]
    if not found:
        raise ValueError("train.model: no candidate can learn from these examples; the log says why")
    if model.average and (pair := _pair(found, task, metric)):
        both = _together(pair, lesson)
        found.append(_judged(both, pixels, block, task))
        judged.append(found[-1])
    return _taken(judged, task, metric, bootstrap, len(block))


def folder(place: int, candidate: Model) -> str:
    """Name of the folder below the run's checkpoint where a candidate is kept once it has learned.

    Args:
        place: Its place in `candidates`.
        candidate: Its section.
    """
    return f"{place}-{candidate.name.rpartition(':')[2]}"


def _taken(judged: list[_Judged | Candidate], task: Task, metric: str, bootstrap: Bootstrap, pixels: int) -> Learned:
    found = [each for each in judged if isinstance(each, _Judged)]
    rows = comparison.rows([each.tally for each in found], task, metric, bootstrap)
    place, reason = comparison.cheapest(rows, [each.part.model.name for each in found], task, metric, bootstrap)
    learned_rows = iter(zip(found, rows, strict=True))
    candidates = []
    for each in judged:
        if isinstance(each, Candidate):
            candidates.append(each)
            continue
        one, row = next(learned_rows)
        candidates.append(
            Candidate(
                name=one.part.model.name,
                options=one.part.model.model_dump(mode="json"),
                value=row.value,
                interval=row.interval,
                gain=row.gain,
                gain_interval=row.gain_interval,
                seconds=round(one.part.seconds, 3),
                map_seconds=round(one.map_seconds, 3),
                parameters=one.part.network.count_params(),
            )
        )
    choice = Choice(
        metric=metric,
        measure=task.measures[metric],
        candidates=tuple(candidates),
        chosen=judged.index(found[place]),
        pixels=pixels,
        blocks=bootstrap.blocks,
        confidence=bootstrap.confidence,
        reason=reason,
    )
    print(comparison.table(choice), flush=True)
    part = found[place].part
    return Learned(part.network, part.state, model=part.model, choice=choice)


def _pair(found: list[_Judged], task: Task, metric: str) -> tuple[Part, Part] | None:
    """The best network and the best model of trees, where there are both."""
    sign = 1 if task.measures[metric].larger_is_better else -1

    def best(kind: type) -> Part | None:
        of_kind = [each for each in found if isinstance(each.part.model, kind)]
        if not of_kind:
            return None
        return max(of_kind, key=lambda each: sign * task.gate_value(each.tally, metric)).part

    network, trees = best(Network), best(Fitted)
    return None if network is None or trees is None else (network, trees)


def _together(pair: tuple[Part, Part], lesson: Lesson) -> Part:
    """Their average; nothing is trained again."""
    began = time.monotonic()
    networks = [part.network for part in pair]
    section = Ensemble(members=tuple(part.model for part in pair), weights="validation")
    network = averaged(networks, chosen_weights(networks, lesson), lesson.manifest.task.output)
    state = measurement.state(network, lesson, sum(part.seconds for part in pair))
    return Part(section, network, state, sum(part.seconds for part in pair) + time.monotonic() - began)


def _judged(part: Part, pixels: MeasuredPixels, block: Array, task: Task) -> _Judged:
    given = pixels.given(part.network)
    return _Judged(part, task.tally(pixels.label, task.decoded(given.outputs), block), given.map_seconds)
