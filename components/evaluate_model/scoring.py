"""Scores a model on the test blocks beside the baselines and the champion."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.evaluate_model import baseline, champion, split_effect
from components.evaluate_model.believed import applicability, prediction_sets
from components.evaluate_model.calibration import calibration
from components.evaluate_model.design import ground_of, sample_of
from components.evaluate_model.gate import decide
from components.evaluate_model.predictions import Predictions, predict
from components.evaluate_model.slices import by_band, regions, slices
from earthline import patches
from earthline.accuracy.patch_sample import PatchSample
from earthline.config import Evaluate
from earthline.formats.evaluations import Baseline, Champion, Choice, Evaluation, Scores, TestGround
from earthline.formats.manifest import Manifest
from earthline.formats.served.contract import Contract
from earthline.grid import Grid
from earthline.patches import Patches
from earthline.task import Task, task_of_record
from earthline.task.bootstrap import MIN_BLOCKS, Bootstrap
from earthline.vertex.champion import Champion as Deployed
from trainer import saved_network
from trainer.description import Description

_logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

OF_TREES = "the other baselines are of trees as it is: they stand in the table, and need not be beaten"
"""Why the gate asks less of a forest."""


@dataclass(frozen=True)
class _Test:
    """Test pixels that count: label, block and place of each, (pixels,)."""

    task: Task
    label: Array
    block: Array
    row: Array
    column: Array

    def tally(self, predicted: Array) -> Array:
        """What each block adds to the task's metrics."""
        return self.task.tally(self.label, predicted, self.block)

    def where(self, chosen: Array) -> "_Test":
        """The chosen ones of the pixels; their blocks are counted anew."""
        block = np.unique(self.block[chosen], return_inverse=True)[1]
        return _Test(self.task, self.label[chosen], block, self.row[chosen], self.column[chosen])


def score(section: Evaluate, examples: Path, model_folder: Path, deployed: Deployed | None, project: str) -> Evaluation:
    """Scores the model, the baselines and the champion on the same test pixels.

    Args:
        section: The config's section.
        examples: Folder of the dataset.
        model_folder: Folder that the trainer wrote.
        deployed: The champion, where there is one.
        project: Google Cloud project id.

    Raises:
        ValueError: The model was trained on other bands or labels than these examples have, or a split is empty.
    """
    manifest = Manifest.read(examples)
    description = Description.read(model_folder)
    if description.bands != manifest.bands or description.task != manifest.task:
        raise ValueError(
            f"the model takes {description.bands} and gives {description.task.told}; the examples have "
            f"{manifest.bands} and {manifest.task.told}: train it again on these examples"
        )
    of_test = patches.read(examples, manifest, "test")
    row, column = of_test.ground
    task = task_of_record(manifest.task)
    test = _Test(task, of_test.label[of_test.labelled], of_test.blocks(manifest), row, column)
    bootstrap = Bootstrap(int(test.block.max()) + 1, section.confidence, section.seed)
    _logger.info("evaluate_model: the model predicts %d test patches", len(of_test.image))
    certainty = description.certainty
    found = predict(saved_network.read(model_folder), of_test, task, certainty.set_limit)
    predicted = found.mapped[of_test.labelled]
    mine = test.tally(predicted)
    baselines, pixels = _baselines(task, section, examples, manifest, of_test)
    tallies = [test.tally(values) for _, _, values in baselines]
    scored = tuple(
        Baseline(name=name, description=description, scores=task.scores(tally, bootstrap))
        for (name, description, _), tally in zip(baselines, tallies, strict=True)
    )

    metric = section.metric or task.gate_metric
    sign = 1 if task.measures[metric].larger_is_better else -1
    best = max(range(len(scored)), key=lambda place: sign * task.gate_value(tallies[place], metric))
    # A forest cannot be asked to beat forests: the first baseline looks at nothing.
    rival = 0 if description.of_trees else best
    other, compared_with, shown = tallies[rival], scored[rival].name, f"the baseline '{scored[rival].name}'"
    compared, note, paired = mine, OF_TREES if description.of_trees else "", bootstrap
    record, same = None, False
    if deployed is not None:
        record, chosen, theirs = _champion(deployed, project, manifest, of_test, test, section)
        note = "; ".join(filter(None, (record.note, note)))
        if record.scores is not None:
            note = record.note
            held_out = test.where(chosen)
            paired = Bootstrap(int(held_out.block.max()) + 1, section.confidence, section.seed)
            other, compared_with, shown = held_out.tally(theirs[chosen]), deployed.name, "the champion"
            compared = held_out.tally(predicted[chosen])
            same = bool(np.array_equal(predicted[chosen], theirs[chosen]))
    sample = sample_of(manifest, of_test, task)
    scores = _with_estimates(task.scores(mine, bootstrap), task, sample, of_test, found)
    weight = None if sample is None else ground_of(sample, of_test)
    return Evaluation(
        task=task.record,
        measures=dict(task.measures),
        model=scores,
        baselines=scored,
        champion=record,
        test=TestGround(
            pixels=len(test.label),
            patches=len(of_test.image),
            blocks=bootstrap.blocks,
            confidence=section.confidence,
            details={
                **task.test_details(mine),
                **task.further_details(test.label, found.further, description.further, test.block, bootstrap),
            },
        ),
        calibration=None
        if found.certainty is None
        else calibration(found.certainty[of_test.labelled], predicted == test.label, test.block, bootstrap, weight),
        sets=None
        if found.sets is None or certainty.coverage is None
        else prediction_sets(found.sets, test.label, certainty.coverage, test.block, bootstrap, task.entries, weight),
        slices=slices(
            task,
            {
                **_parts(task, section, manifest, of_test),
                "area of applicability": applicability(found.further, description.further, certainty),
            },
            test.label,
            test.block,
            {"model": predicted, scored[best].name: baselines[best][2]},
            section.confidence,
            section.seed,
        ),
        split_effect=split_effect.measured(task, manifest, pixels, section.confidence, section.seed),
        gate=decide(
            compared,
            other,
            task=task,
            metric=metric,
            bootstrap=paired,
            min_gain=section.min_gain,
            compared_with=compared_with,
            shown=shown,
            note=note,
            same=same,
            parts=task.parts(scores),
            floors=section.floors,
        ),
        choice=Choice.found(model_folder),
    )


def _with_estimates(
    scores: Scores, task: Task, sample: PatchSample | None, test: Patches, found: Predictions
) -> Scores:
    """The model's scores, and what they mean for all ground where it is known how patches were drawn."""
    if sample is None:
        return scores
    there = sample.held
    return scores.model_copy(
        update={"details": {**scores.details, **task.estimates(sample, test.every[there], found.mapped[there])}}
    )


def _parts(task: Task, section: Evaluate, manifest: Manifest, test: Patches) -> dict[str, Mapping[str, Array]]:
    """Parts of the test ground, bool (pixels,) by what divides it and the name of the part."""
    parts: dict[str, Mapping[str, Array]] = {
        kind: {name: chosen[test.labelled] for name, chosen in named.items()}
        for kind, named in task.slices(test.every).items()
    }
    by_bands: dict[str, Mapping[str, Array]] = {}
    for band, breaks in section.slices.items():
        values = test.image[..., manifest.bands.index(band)][test.labelled].astype(np.float64)
        by_bands[f"band {band}"] = by_band(values, breaks)
    return {**parts, "part of the region": regions(manifest, *test.ground), **by_bands}


def _baselines(
    task: Task, section: Evaluate, examples: Path, manifest: Manifest, test: Patches
) -> tuple[list[tuple[str, str, Array]], baseline.Pixels]:
    """Name, description and map values (pixels,) of each baseline, and the pixels that all learned from."""
    train = patches.read(examples, manifest, "train")
    sight = baseline.Sight(section, len(manifest.bands))
    pixels = baseline.drawn(train, sight, section.seed)
    trained = baseline.learners(task, section, sight, pixels)
    values = baseline.predict(trained, sight, test, task.data_type)
    return [(each.name, each.description, found) for each, found in zip(trained, values, strict=True)], pixels


def _champion(
    deployed: Deployed,
    project: str,
    manifest: Manifest,
    of_test: Patches,
    test: _Test,
    section: Evaluate,
) -> tuple[Champion, Array, Array]:
    """What the champion is worth, on which test pixels it may be asked (pixels,), and its map values (pixels,)."""

    def uncounted(why: str) -> tuple[Champion, Array, Array]:
        nothing = np.zeros(len(test.label), bool)
        return (
            Champion(name=deployed.name, note=f"the champion {deployed.name} does not count: {why}"),
            nothing,
            nothing,
        )

    _logger.info("evaluate_model: the champion %s predicts the same patches", deployed.name)
    try:
        values, contract = champion.predict(deployed, project, of_test, manifest.bands, manifest.task)
    except champion.ChampionError as error:
        return uncounted(str(error))
    chosen = held_out(contract, manifest, test.row, test.column)
    left = test.where(chosen)
    blocks = int(left.block.max()) + 1 if len(left.block) else 0
    of_all = f"{len(left.label)} of {len(test.label)} test pixels"
    if not chosen.all() and blocks < MIN_BLOCKS:
        return uncounted(
            f"its training was split otherwise, and it cannot have learned from only {of_all}, in {blocks} block(s)"
        )
    note = (
        ""
        if chosen.all()
        else f"compared on {of_all}: the champion, whose training was split otherwise, knows the rest"
    )
    bootstrap = Bootstrap(blocks, section.confidence, section.seed)
    scored = test.task.scores(left.tally(values[chosen]), bootstrap)
    return Champion(name=deployed.name, scores=scored, pixels=len(left.label), note=note), chosen, values


def held_out(contract: Contract, manifest: Manifest, row: Array, column: Array) -> Array:
    """Which pixels a served model cannot have learned from, bool (pixels,).

    Args:
        contract: Of the model.
        manifest: Of the examples.
        row: Rows of the pixels on the examples' grid.
        column: Their columns.
    """
    if contract.split_hash == manifest.split_hash:
        return np.ones(len(row), bool)
    if contract.learned_ground is None or not manifest.placed:
        return np.zeros(len(row), bool)
    return ~contract.learned_ground.holds(Grid.from_json(manifest.grid), row, column)


def predictions(network: Any, test: Patches, task: Task) -> Array:
    """Map values (pixels,) of the pixels that count, in the order of `label[labelled]`.

    Args:
        network: A Keras model of image and validity.
        test: The patches.
        task: What the outputs mean.
    """
    return predict(network, test, task).mapped[test.labelled]
