"""The requests that a run makes for patches: which windows it asks for, and how many bytes that is. Pure."""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from weakref import WeakValueDictionary

import numpy as np

from components.export_examples.fetching.merging import DEFAULT, Box, Costs, Limits, Windows, merge
from components.export_examples.job import LOCAL, REQUESTS_PER_WORKER
from earthline.config import Data, Export
from earthline.earth_engine.imagery import LABEL_BAND
from earthline.formats.manifest import SPLITS
from earthline.formats.served.contract import VALID_BAND
from earthline.task import task_of

Array = np.ndarray[Any, Any]


SAVING = 0.2
"""Part of the seconds of all requests that other windows must save."""
PART = 20
"""Requests of an element of a remote pipeline for each one under way: few enough to be dealt evenly."""
WAITING = 3
"""Answers in memory for each request that may be under way: it, one that waits to be cut, and one to begin at once."""


class Window(NamedTuple):
    """One request.

    Attributes:
        box: On the region's grid.
        patches: Split, and row and column of the first pixel, of each patch in it.
    """

    box: Box
    patches: tuple[tuple[str, int, int], ...]

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        top, left, bottom, right = self.box
        return (bottom - top) * (right - left)


@dataclass(frozen=True, eq=False)
class Requests:
    """Patches to fetch, as columns, and the windows that they come by.

    Attributes:
        split: Place in `SPLITS`, (patches,).
        corners: First pixels (row, column), int32 (patches, 2).
        windows: Of these patches.
    """

    split: Array
    corners: Array
    windows: Windows

    @classmethod
    def of(cls, split: Array, corners: Array, data: Data, export: Export, costs: Costs = DEFAULT) -> Self:
        """Merges patches into windows.

        Args:
            split: As the attribute.
            corners: As the attribute.
            data: The section, with a data type that is not `auto`.
            export: The section.
            costs: Of requests.
        """
        corners = np.asarray(corners, np.int32)
        return cls(split, corners, windows_of(corners, data, export, costs))

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.windows)

    def __iter__(self) -> Iterator[Window]:
        """The windows."""
        return map(self.window, range(len(self)))

    def window(self, place: int) -> Window:
        """One of the windows.

        Args:
            place: From 0.
        """
        windows = self.windows
        places = windows.patches[windows.starts[place] : windows.starts[place + 1]]
        splits = (SPLITS[split] for split in self.split[places].tolist())
        patches = zip(splits, *self.corners[places].T.tolist(), strict=True)
        return Window(windows.box(place), tuple(patches))

    def only(self, chosen: Array) -> Self:
        """Some of the windows, and the patches in them.

        Args:
            chosen: Their places, whole numbers (windows,).
        """
        windows = self.windows
        sizes = np.diff(windows.starts)[chosen]
        ends = np.cumsum(sizes)
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
        places = windows.patches[np.repeat(windows.starts[:-1][chosen], sizes) + within]
        starts = np.concatenate([[0], ends]).astype(np.int32)
        own = Windows(windows.boxes[chosen], np.arange(len(places), dtype=np.int32), starts)
        return type(self)(self.split[places], self.corners[places], own)

    def parts(self, number: int) -> Iterator[Self]:
        """Deals the windows to parts that are alike, at most so many.

        Args:
            number: Of parts.
        """
        if number == 1 and len(self):
            yield self
            return
        for part in range(min(number, len(self))):
            yield self.only(np.arange(part, len(self), number))

    def apart(self, few: int) -> tuple[Array, Array]:
        """A few windows of all sizes, and the others: their places, int32.

        Args:
            few: Number of the first.
        """
        chosen = np.unique(np.linspace(0, len(self) - 1, min(few, len(self))).round().astype(np.int32))
        others = np.ones(len(self), bool)
        others[chosen] = False
        return chosen, np.flatnonzero(others).astype(np.int32)


class Ticket(NamedTuple):
    """Requests that stay in this process: Beam would keep several copies of what it is given, pickled.

    Attributes:
        number: As Python tells objects apart.
    """

    number: int

    @classmethod
    def of(cls, requests: Requests) -> Self:
        """For requests that the caller holds as long as the ticket is used."""
        _HERE[id(requests)] = requests
        return cls(id(requests))

    @property
    def requests(self) -> Requests:
        """What it stands for."""
        return _HERE[self.number]


_HERE: WeakValueDictionary[int, Requests] = WeakValueDictionary()


@dataclass(frozen=True)
class Expected:
    """What fetching asks for, where nothing fails and nothing has to be asked for again.

    Attributes:
        requests: Number of requests.
        pixels: Of all answers.
        bytes: Of all answers, uncompressed.
    """

    requests: int
    pixels: int
    bytes: int


def pixel_type(data: Data) -> np.dtype[Any]:
    """The type of an answer's pixels: a field for each band, the label and the mask.

    Args:
        data: The section, with a data type that is not `auto`.
    """
    kind = np.dtype(data.imagery.data_type)
    bands = [(band, kind) for band in data.imagery.band_names]
    return np.dtype([*bands, (LABEL_BAND, task_of(data).data_type), (VALID_BAND, np.uint8)])


def under_way(export: Export) -> int:
    """Most requests under way at once in one process.

    Args:
        export: The section.
    """
    if export.runner == LOCAL:
        return export.concurrency
    return min(REQUESTS_PER_WORKER, export.concurrency)


def parts(requests: int, export: Export) -> int:
    """Into how many elements of a remote runner's pipeline requests are dealt.

    It gives each worker a new one as soon as that has finished the last.

    Args:
        requests: Number of requests.
        export: The section.
    """
    return max(1, math.ceil(requests / (PART * under_way(export))))


def windows_of(corners: Array, data: Data, export: Export, costs: Costs = DEFAULT) -> Windows:
    """The windows that patches come by, with the labels that lie beside them.

    Args:
        corners: First pixels (row, column) of patches, whole numbers (patches, 2).
        data: The section, with a data type that is not `auto`.
        export: The section.
        costs: Of requests.
    """
    rows, columns = data.labels.offset
    height, width = export.patch_shape
    first = np.asarray(corners, np.int32).reshape(-1, 2) + np.minimum((rows, columns), 0, dtype=np.int32)
    shape = height + abs(rows), width + abs(columns)
    limits = Limits.of(pixel_type(data).itemsize, WAITING * under_way(export), costs)
    return merge(first, shape, limits, costs, export.concurrency)


def worth(windows: Windows, others: Windows, costs: Costs) -> bool:
    """Whether other windows of the same patches cost clearly less: else the number that was told beforehand holds.

    Args:
        windows: As they are.
        others: As they would be.
        costs: Of requests, as they were measured.
    """
    seconds, less = (
        float(costs.of(np.prod(each.boxes[:, 2:] - each.boxes[:, :2], axis=1)).sum()) for each in (windows, others)
    )
    return less < (1 - SAVING) * seconds


def expected(corners: Array, data: Data, export: Export, costs: Costs = DEFAULT) -> Expected:
    """What fetching patches takes.

    Args:
        corners: As `windows_of`.
        data: As `windows_of`.
        export: As `windows_of`.
        costs: As `windows_of`.
    """
    windows, kind = windows_of(corners, data, export, costs), pixel_type(data)
    header = io.BytesIO()
    np.lib.format.write_array(header, np.zeros((1, 1), kind))
    beside = len(header.getvalue()) - kind.itemsize
    return Expected(len(windows), windows.pixels, windows.pixels * kind.itemsize + len(windows) * beside)
