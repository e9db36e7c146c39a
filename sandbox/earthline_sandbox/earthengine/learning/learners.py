"""Classifiers and clusterers as values of an expression: what to learn, from what, and what was learned.

Nothing is learned before an answer needs it. What was learned is kept by what it was learned from, so that the tiles
of a map, and the requests of a client that asks tile by tile, learn once.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.learning.samples import LARGEST, Once, number_of
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Pixels, PixelType, Source, blank, combined
from earthline_sandbox.earthengine.values.values import ArrayValue, Collection, Feature, Image
from earthline_sandbox.errors import ApiError, invalid

logger = logging.getLogger(__name__)

CLASSIFICATION = "CLASSIFICATION"
REGRESSION = "REGRESSION"
PROBABILITY = "PROBABILITY"
MULTIPROBABILITY = "MULTIPROBABILITY"
RAW = "RAW"
RAW_REGRESSION = "RAW_REGRESSION"
#: Output modes (https://developers.google.com/earth-engine/apidocs/ee-classifier-setoutputmode).
MODES = (CLASSIFICATION, REGRESSION, PROBABILITY, MULTIPROBABILITY, RAW, RAW_REGRESSION)
INT = PixelType.of_dtype("int32")

# Rows that are predicted at a time: bounds memory whatever the tile and however many classes there are.
_ROWS = 65_536
_FEATURES = 1_000
_KEPT_BYTES = 512 * 2**20


class Fitted(Protocol):
    """What was learned.

    Attributes:
        cost: Memory that it holds, in bytes, roughly.
    """

    cost: int

    def usable(self, inputs: Array) -> Array:
        """Which rows of `(rows, inputs)`, all numbers of moderate size, can be predicted; the others are masked."""

    def predict(self, inputs: Array, mode: str) -> Array:
        """Numbers of shape `(rows,)`, or `(rows, n)` where the mode gives arrays."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Learner:
    """What classifiers and clusterers have in common.

    Attributes:
        kind: Server function that made it, such as `Classifier.smileCart`.
        options: Arguments of that function.
        fit: Learns from samples for an output mode.
        names: Bands or properties that it reads; None before training.
        training: The samples; None before training, and for those that need none.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    fit: Callable[[Any, str], Fitted]
    names: tuple[str, ...] | None = None
    training: Once | None = None

    def schema(self) -> tuple[str, ...]:
        """Its inputs; raises ApiError INVALID_ARGUMENT where it has not been trained."""
        if self.names is None:
            raise invalid(f"The {type(self).__name__.lower()} ({self.kind}) has not been trained; call train() first.")
        return self.names

    def _learned(self, mode: str) -> Fitted:
        self.schema()
        samples = None if self.training is None else self.training()
        variant = REGRESSION if mode in (REGRESSION, RAW_REGRESSION) else CLASSIFICATION
        key = (self.kind, repr(sorted(self.options.items())), variant, samples.digest if samples else "")

        def learn() -> Fitted:
            started = time.perf_counter()
            try:
                made = self.fit(samples, variant)
            except ValueError as error:
                raise invalid(f"{self.kind} cannot be trained: {error}") from error
            count = len(samples.inputs) if samples else 0
            logger.info("learned %s from %d samples in %.3f s", self.kind, count, time.perf_counter() - started)
            return made

        return _LEARNED.get(key, learn)


@dataclass(frozen=True, eq=False, kw_only=True)
class Classifier(Learner):
    """A classifier, trained or not.

    Attributes:
        modes: Output modes that it has.
        mode: The one asked for.
        several: Whether it gives arrays in every mode, such as the k nearest classes.
        outputs: Names of its answers, where it has names of its own; they are numbers then, a column each.
    """

    modes: Sequence[str]
    mode: str = CLASSIFICATION
    several: bool = False
    outputs: tuple[str, ...] = ()

    def fitted(self) -> Fitted:
        """What it learned, learning it first where nobody asked before.

        Raises:
            ApiError: INVALID_ARGUMENT where it was not trained, has no such mode, or the samples do not do.
        """
        if self.mode not in self.modes:
            raise invalid(f"{self.kind} has no output mode {self.mode}; it has {', '.join(self.modes)}.")
        return self._learned(self.mode)

    @property
    def output(self) -> PixelType:
        """The type of its answers."""
        if self.outputs:
            return PixelType("double", None, None, 1)
        dimensions = 1 if self.several or self.mode in (MULTIPROBABILITY, RAW, RAW_REGRESSION) else 0
        if self.mode == CLASSIFICATION:
            return PixelType(INT.precision, INT.minimum, INT.maximum, dimensions)
        if self.mode in (PROBABILITY, MULTIPROBABILITY):
            return PixelType("float", 0, 1, dimensions)
        return PixelType("double", None, None, dimensions)

    def predict(self, inputs: Array) -> Array:
        """Answers for rows of inputs, in the mode asked for."""
        return self.fitted().predict(inputs, self.mode)


@dataclass(frozen=True, eq=False, kw_only=True)
class Clusterer(Learner):
    """A clusterer, trained or not."""

    output: PixelType = INT
    outputs: tuple[str, ...] = ()

    def fitted(self) -> Fitted:
        """What it learned, learning it first where nobody asked before; raises ApiError INVALID_ARGUMENT."""
        return self._learned(CLASSIFICATION)

    def predict(self, inputs: Array) -> Array:
        """Clusters, from 0, for rows of inputs."""
        return self.fitted().predict(inputs, CLASSIFICATION)


@dataclass(frozen=True, eq=False)
class ConfusionMatrix(ArrayValue):
    """A square array whose rows are the actual classes, and whose columns the predicted ones.

    Attributes:
        order: The class of each row and column.
    """

    order: tuple[int, ...] = ()


class _Learned:
    """What was learned, by what it was learned from; least recently used first out beyond a number of bytes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, Fitted] = OrderedDict()
        self._locks: dict[Any, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Any, learn: Callable[[], Fitted]) -> Fitted:
        """What is kept under a key, learned by the first that asks while all others that do wait for it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            with self._lock:
                if key in self._kept:
                    return self._kept[key]
            try:
                made = learn()
            finally:
                with self._lock:
                    self._locks.pop(key, None)
            with self._lock:
                self._kept[key] = made
                while len(self._kept) > 1 and sum(item.cost for item in self._kept.values()) > _KEPT_BYTES:
                    self._kept.popitem(last=False)
            return made


_LEARNED = _Learned()


def image_of(function: str, image: Image, learner: Classifier | Clusterer, name: str) -> Image:
    """The learner's answers as a band; masked where a band that it reads is masked, or no finite number."""
    names = learner.schema()
    missing = [wanted for wanted in names if wanted not in image.names]
    if missing:
        raise invalid(f"{function}: No band named '{missing[0]}'. Available band names: {image.shown_names()}.")
    if learner.training is not None:
        # Read now, so that what is wrong with the samples is said of the whole and not of a tile.
        learner.training()
    bands = [image.band(wanted) for wanted in names]
    kind = learner.output

    def source(grid: Grid) -> Pixels:
        pixels = [band.fetch(grid) for band in bands]
        mask = combined(*(item.mask for item in pixels))
        rows, columns = np.nonzero(mask > 0)
        computation.expect(8 * len(rows) * len(bands))
        inputs = np.empty((len(rows), len(bands)))
        for place, item in enumerate(pixels):
            if item.values.ndim > 2:
                raise invalid(f"{function}: Band '{names[place]}' has array pixels; use arrayFlatten first.")
            inputs[:, place] = item.values[rows, columns]
        usable = (np.abs(inputs) < LARGEST).all(axis=1)
        if len(rows):
            usable &= learner.fitted().usable(inputs)
        if not usable.any():
            return blank(grid.shape, kind)
        answers = predictions(learner, inputs[usable])
        values = np.zeros(grid.shape + answers.shape[1:], kind.dtype)
        values[rows[usable], columns[usable]] = answers
        if not usable.all():
            mask = mask.copy()
            mask[rows[~usable], columns[~usable]] = 0
        return Pixels(values, mask)

    whole = bands[0].derived(source, kind, name)
    if not learner.outputs:
        return image.with_bands([whole])

    def column(place: int) -> Source:
        def of(grid: Grid) -> Pixels:
            found = whole.fetch(grid)
            # A tile without a valid pixel does not know how many columns there would be.
            return Pixels(found.values[:, :, min(place, found.values.shape[2] - 1)], found.mask)

        return of

    number = PixelType(kind.precision)
    return image.with_bands(whole.derived(column(i), number, own) for i, own in enumerate(learner.outputs))


def features_of(function: str, collection: Collection, learner: Classifier | Clusterer, name: str) -> Collection:
    """The features with the learner's answers as a property more, computed when they are looked at."""
    names = learner.schema()
    if learner.training is not None:
        learner.training()

    def answered() -> Iterator[Feature]:
        rest = iter(collection)
        while batch := list(islice(rest, _FEATURES)):
            try:
                inputs = np.array([[number_of(feature, wanted) for wanted in names] for feature in batch])
            except ApiError as error:
                raise invalid(f"{function}: {error.message}") from error
            usable = (np.abs(inputs) < LARGEST).all(axis=1) & learner.fitted().usable(inputs)
            answers = iter(predictions(learner, inputs[usable]).tolist() if usable.any() else ())
            for feature, found in zip(batch, usable.tolist(), strict=True):
                answer = next(answers) if found else None
                if not learner.outputs:
                    yield feature.with_properties({name: answer})
                    continue
                columns = answer if answer is not None else [None] * len(learner.outputs)
                yield feature.with_properties(dict(zip(learner.outputs, columns, strict=True)))

    return collection.with_elements(answered())


def predictions(learner: Classifier | Clusterer, inputs: Array) -> Array:
    """Answers for rows of inputs, computed some rows at a time."""
    kind = learner.output
    starts = range(0, len(inputs), _ROWS)
    parts = [kind.converted(learner.predict(inputs[start : start + _ROWS])) for start in starts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
