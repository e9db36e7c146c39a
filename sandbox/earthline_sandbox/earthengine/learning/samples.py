"""Training samples: numbers out of the properties of features."""

import hashlib
import math
import threading
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.earthengine.pixels.random import fractions
from earthline_sandbox.earthengine.values.values import Collection, Element
from earthline_sandbox.errors import invalid

#: Where `Image.sample` leaves the names of its bands, which trainings without `inputProperties` read.
BAND_ORDER = "band_order"
#: Greatest number, in four bytes, that scikit-learn's trees take.
LARGEST = float(np.finfo("float32").max)
_MOST_BYTES = 256 * 2**20


@dataclass(frozen=True, eq=False)
class Samples:
    """What a learner learns from.

    Attributes:
        names: Properties, in the order of the columns.
        inputs: Shape `(samples, properties)`, float64.
        labels: Shape `(samples,)`, float64; None for clusterers.
    """

    names: tuple[str, ...]
    inputs: Array
    labels: Array | None = None

    @cached_property
    def digest(self) -> str:
        """Hex digest of names and numbers: equal samples have equal ones."""
        found = hashlib.sha256(repr((self.names, self.inputs.shape)).encode())
        for numbers in (self.inputs, self.labels):
            if numbers is not None:
                found.update(np.ascontiguousarray(numbers).data)
        return found.hexdigest()


class Once:
    """A computation that is done when first asked for, by one thread, and kept; a failure is tried again."""

    def __init__(self, compute: Callable[[], Samples]) -> None:
        """Takes what to compute."""
        self._compute = compute
        self._lock = threading.RLock()
        self._found: Samples | None = None

    def __call__(self) -> Samples:
        """The result."""
        with self._lock:
            if self._found is None:
                self._found = self._compute()
            return self._found


def input_names(collection: Collection, names: Sequence[str] | None) -> tuple[str, ...]:
    """The properties to learn from: those given, or the bands that the collection was sampled from.

    Raises:
        ApiError: INVALID_ARGUMENT where there are none, or one is named twice.
    """
    found = collection.get(BAND_ORDER) if names is None else names
    if not found:
        raise invalid(
            f"'inputProperties' must be given: the collection has no property '{BAND_ORDER}', as Image.sample leaves."
        )
    if len(set(found)) != len(found):
        raise invalid(f"'inputProperties' names a property twice: {list(found)}.")
    return tuple(found)


def collect(
    collection: Iterable[Element], names: Sequence[str], label: str | None, subsampling: float, seed: int
) -> Samples:
    """Reads the samples of a collection.

    Args:
        collection: Features with the properties.
        names: Properties to learn from.
        label: Property to learn; None for clusterers.
        subsampling: Share of the features to take, above 0 and at most 1.
        seed: Chooses them.

    Raises:
        ApiError: INVALID_ARGUMENT where a property is missing or no number, or there is no sample.
    """
    columns = list(names) if label is None else [*names, label]
    numbers = array("d")
    for position, feature in enumerate(collection):
        if subsampling < 1 and fractions(b"%d" % position, seed) >= subsampling:
            continue
        numbers.extend(number_of(feature, name) for name in columns)
        if 8 * len(numbers) > _MOST_BYTES:
            raise invalid(
                f"User memory limit exceeded. The training samples take more than {_MOST_BYTES} bytes; "
                "use 'subsampling', or fewer samples."
            )
    if not numbers:
        raise invalid("No data was found in classifier training input.")
    table = np.frombuffer(numbers, dtype="float64").reshape(-1, len(columns))
    if np.abs(table).max() >= LARGEST:
        raise invalid(f"A training sample has a number beyond {LARGEST:.6g}, the greatest that learners take.")
    if label is None:
        return Samples(tuple(names), table)
    return Samples(tuple(names), np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1]))


def number_of(feature: Element, name: str) -> float:
    """A property as a finite number; raises ApiError INVALID_ARGUMENT, naming property and feature."""
    value = feature.get(name)
    place = f"Property '{name}' of feature '{feature.get('system:index')}'"
    if value is None:
        raise invalid(f"{place} is missing.")
    if not isinstance(value, int | float | np.generic):
        raise invalid(f"{place} must be a number, but is '{str(value)[:50]}'.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise invalid(f"{place} is {str(value)[:50]}; learners take finite numbers only.")
    return number
