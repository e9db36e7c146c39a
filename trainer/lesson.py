"""One architecture learns from one dataset: what it is given, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from earthline.config import Train
from earthline.config.model import Finished, Fitted, Model, Network
from earthline.formats.evaluations import Choice
from earthline.formats.manifest import Manifest
from earthline.task import task_of_record
from trainer import heads, statistics
from trainer.heads import Head
from trainer.history import State
from trainer.input.store import Store
from trainer.measured_pixels import MeasuredPixels
from trainer.models.auto import Auto
from trainer.models.distilled import Distilled
from trainer.models.ensemble import Ensemble
from trainer.models.symmetric import Symmetric
from trainer.statistics import Statistics

_PASS = 64
"""Patches that are read at a time for statistics."""

TEACHERS: Mapping[type, str] = {
    Auto: "trainer.several.choosing:choose",
    Distilled: "trainer.several.distilling:distil",
    Ensemble: "trainer.several.averaging:average",
    Finished: "trainer.finished:take",
    Fitted: "trainer.trees.fitting:fit",
    Symmetric: "trainer.several.symmetry:learn",
    Network: "trainer.loop.teacher:teach",
}
"""Who trains what, as `module:function` by a class of architectures; the nearest class of an architecture counts.

Such a function takes the architecture's section and a `Lesson`, and gives `Learned`.
"""


@dataclass(frozen=True)
class Guide:
    """A network that has learned already, which another one follows.

    Attributes:
        network: Keras model from image and mask to the task's outputs.
        share: Of the loss that it has; labels have the rest.
        settings: What it depends on.
    """

    network: Any
    share: float
    settings: Any


@dataclass(frozen=True)
class Lesson:
    """All that an architecture learns from.

    Attributes:
        train: Section `train` of the config. Its `model` is what the run is for; what learns here may be a part of it.
        examples: Folder of the dataset.
        manifest: What lies there.
        store: Its training and validation patches, decoded.
        strategy: The `tf.distribute` strategy: the devices that train together.
        measured: Mean and std of every band over the training patches.
        head: The task's last layers, loss and metrics.
        pixels: By split, `train` and `validation`: those on which a network that has learned is measured.
        checkpoint: Folder for what an interrupted run goes on from.
        logs: Folder for TensorBoard.
        guide: What a network follows beside the labels; None for labels alone.
    """

    train: Train
    examples: Path
    manifest: Manifest
    store: Store
    strategy: Any
    measured: Statistics
    head: Head
    pixels: Mapping[str, MeasuredPixels]
    checkpoint: Path
    logs: Path
    guide: Guide | None = None

    @classmethod
    def prepared(cls, train: Train, examples: Path, *, strategy: Any, checkpoint: Path, logs: Path) -> "Lesson":
        """Reads a dataset.

        Args:
            train: As above, and so the others.
            examples: Likewise.
            strategy: Likewise.
            checkpoint: Likewise.
            logs: Likewise.

        Raises:
            FileNotFoundError: The manifest or a shard is missing.
            ValueError: A split is empty, nothing is labelled or valid, a shard is damaged or holds other patches than
                the manifest says, or the patches do not fit the model.
        """
        manifest = Manifest.read(examples)
        _check(train, manifest)
        store = Store(examples, manifest, train.memory_share)
        task = task_of_record(manifest.task)
        return cls(
            train=train,
            examples=examples,
            manifest=manifest,
            store=store,
            strategy=strategy,
            measured=statistics.of_patches(store.train.batches(_PASS)),
            head=heads.find(manifest.task.name)(train, manifest),
            pixels={
                "train": MeasuredPixels(lambda: store.train, task, train.seed),
                "validation": MeasuredPixels(lambda: store.validation, task, train.seed),
            },
            checkpoint=checkpoint,
            logs=logs,
        )

    def part(self, name: str) -> "Lesson":
        """The same lesson with folders of its own, for one of several models that learn in a run.

        Args:
            name: Of the folders, unlike that of every other part.
        """
        return replace(self, checkpoint=self.checkpoint / name, logs=self.logs / name)


@dataclass(frozen=True)
class Learned:
    """What came of it.

    Attributes:
        network: Keras model from image and mask to the task's output (see `trainer.network.build`).
        state: Metrics of every epoch, and which one the network is of. What learns in one pass has one epoch.
        model: The architecture that it is of, where that was chosen among several; else None.
        choice: How it was chosen; else None.
    """

    network: Any
    state: State
    model: Model | None = None
    choice: Choice | None = None


def learn(model: Model, lesson: Lesson) -> Learned:
    """Trains one architecture. Nothing is saved but the checkpoint.

    Args:
        model: Section `train.model` of the config, or one like it.
        lesson: What it learns from.

    Raises:
        ValueError: The architecture cannot learn from these examples.
    """
    model = model.suited(lesson.manifest.bands)
    _require_taken(model, lesson.train, lesson.manifest)
    nearest = next(kind for kind in type(model).__mro__ if kind in TEACHERS)
    learned: Learned = resolve_name(TEACHERS[nearest])(model, lesson)
    return learned


def _require_taken(model: Model, train: Train, manifest: Manifest) -> None:
    for what, shape in (("patches", manifest.patch_shape), ("windows (train.crop_shape)", train.crop_shape)):
        if shape and not model.takes(shape):
            raise ValueError(
                f"{what} of {list(shape)} px do not divide by the stride {model.stride} of {model.name}; change "
                "export.patch_shape or train.model"
            )


def _check(train: Train, manifest: Manifest) -> None:
    _require_taken(train.model, train, manifest)
    for split in ("train", "validation"):
        if manifest.splits[split].examples == 0 or manifest.splits[split].labelled_pixels == 0:
            raise ValueError(
                f"split '{split}' has {manifest.splits[split].examples} patches and no labelled pixel; give it a "
                "larger share (export.shares) or smaller blocks (export.block_shape)"
            )
