"""An evaluation such as evaluate_model leaves, for the steps after it."""

import numpy as np

from components.evaluate_model.gate import decide
from earthline.formats.evaluations import Baseline, Champion, Evaluation, TestGround
from earthline.task.bootstrap import Bootstrap
from earthline.task.classification.accuracy import accuracy, confusion
from earthline.task.classification.task import Classification


def evaluation(names: tuple[str, ...], blocks: int, min_gain: float) -> Evaluation:
    """Made of a model that is right about four of five pixels and a forest that is right about half of them.

    Args:
        names: Of the classes; the last one has no test label.
        blocks: Of the test ground.
        min_gain: As in the config.
    """
    block = np.repeat(np.arange(blocks), 60)
    truth = np.tile(np.arange(len(names) - 1), 60 * blocks)[: len(block)]
    place = np.arange(len(block)) + block % 2
    bootstrap = Bootstrap(blocks, 0.9, 0)
    mine, forest = (
        confusion(truth, np.where(place % every == 0, len(names) - 1, truth), block, len(names)) for every in (5, 2)
    )
    gate = decide(
        mine,
        forest,
        task=Classification(names),
        bootstrap=bootstrap,
        min_gain=min_gain,
        metric="accuracy",
        compared_with="forest",
        shown="the forest",
    )
    scored = accuracy(forest, names, bootstrap)
    return Evaluation(
        task=Classification(names).record,
        measures=dict(Classification.measures),
        model=accuracy(mine, names, bootstrap),
        baselines=(Baseline(name="forest", description="trees & <shrubs>", scores=scored),),
        champion=Champion(name="models/7@2", note="the champion models/7@2 does not count: <it is old>"),
        test=TestGround(
            pixels=len(block),
            patches=9,
            blocks=blocks,
            confidence=0.9,
            details={"classes": list(names[:-1]), "absent": list(names[-1:])},
        ),
        gate=gate,
    )
