"""How often classes are on the ground and among the training pixels, and what that makes of probabilities.

Saerens, Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
Computation 14; where only a part of it is wanted, Menon et al. 2021, "Long-tail learning via logit adjustment".
"""

from typing import Any

import numpy as np

from earthline.config.sections.train.prior import Prior
from earthline.formats.examples import labelled
from earthline.formats.manifest import StratumSample
from earthline.task import Task, task_of_record
from trainer.lesson import Lesson

Array = np.ndarray[Any, Any]


def factors(section: Prior, lesson: Lesson) -> Array:
    """What the probability of each class is multiplied by, (classes,), before they are made to add up to 1 again.

    Args:
        section: The config's.
        lesson: With the training split.

    Raises:
        ValueError: Nobody knows with what chance patches were drawn, or labels are no classes.
    """
    if not lesson.head.gives_probabilities:
        raise ValueError("train.prior: labels are no classes, so that there is none to be frequent; leave it out")
    manifest, label = lesson.manifest, lesson.store.train.label
    classes = len(manifest.task.entries)
    by_patch = np.stack([np.bincount(each[labelled(each)], minlength=classes)[:classes] for each in label])
    sampled = by_patch.sum(axis=0) / by_patch.sum()
    if section.towards == "equal":
        wanted = np.full(classes, 1 / classes)
    else:
        drawn = manifest.sampling.get("train", ())
        if not drawn:
            raise ValueError(
                "train.prior: nobody knows with what chance the training patches were drawn, as their places were "
                "chosen, so that they cannot tell how often classes are; write `towards: equal`, or leave it out"
            )
        wanted = _on_the_ground(by_patch, label, drawn, task_of_record(manifest.task), manifest.design)
    # A class that was never seen keeps what it is given.
    ratio = np.divide(wanted, sampled, out=np.ones(classes), where=(sampled > 0) & (wanted > 0))
    found: Array = ratio**section.strength
    names = ", ".join(
        f"{name} {one:.3f} to {other:.3f}"
        for name, one, other in zip(manifest.task.entries, sampled, wanted, strict=True)
    )
    print(f"prior: classes are moved from their share of training pixels: {names}", flush=True)
    return found


def _on_the_ground(by_patch: Array, label: Array, drawn: tuple[StratumSample, ...], task: Task, design: str) -> Array:
    """The share of each class in the area of the training split (Horvitz and Thompson 1952).

    Every pixel is taken to lie in as many possible patches, which those at the edge of the area do not.
    """
    middle = label[:, label.shape[1] // 2, label.shape[2] // 2]
    known = labelled(middle)  # the others do not tell of which stratum they are
    strata = task.strata_of(middle[known]) if design == "stratified" else np.zeros(int(known.sum()), np.int64)
    weight = np.array([each.frame / max(each.drawn + each.lost, 1) for each in drawn])[strata]
    totals = weight @ by_patch[known]
    return np.asarray(totals / totals.sum())
