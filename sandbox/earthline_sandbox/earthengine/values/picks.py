"""Chosen pixels as a table, column by column; features are made of its rows only when somebody looks at them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from os import cpu_count
from typing import Any, TypeVar, overload

import numpy as np
import shapely

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.pixels.grid import WGS84, Grid, Projection, transformer
from earthline_sandbox.earthengine.pixels.pixels import Array
from earthline_sandbox.earthengine.values.values import INDEX, Feature, Geometry

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Picks:
    """Chosen pixels, in any order.

    Attributes:
        ranks: Numbers to choose by, shape `(n,)`.
        rows: Row in the projection's pixel plane, shape `(n,)`.
        columns: Column in it, shape `(n,)`.
        values: Of each band, shape `(n,)`; of array bands, objects.
        masks: Where each band is valid, bool, shape `(n,)`.
    """

    ranks: Array
    rows: Array
    columns: Array
    values: list[Array]
    masks: list[Array]

    def __len__(self) -> int:
        """Number of pixels."""
        return len(self.ranks)

    def only(self, index: Array) -> "Picks":
        """Those at some positions."""
        return Picks(
            self.ranks[index],
            self.rows[index],
            self.columns[index],
            [values[index] for values in self.values],
            [mask[index] for mask in self.masks],
        )

    def least(self, count: int) -> "Picks":
        """Those of least rank: the same whatever the order in which tiles came."""
        return self if len(self) <= count else self.only(least(self.ranks, count))

    def in_order(self) -> "Picks":
        """Row by row."""
        return self.only(np.lexsort((self.columns, self.rows)))


def joined(parts: Sequence[Picks]) -> Picks:
    """Several one after another; there must be at least one."""
    if len(parts) == 1:
        return parts[0]
    return Picks(
        np.concatenate([part.ranks for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.columns for part in parts]),
        [np.concatenate(column) for column in zip(*(part.values for part in parts), strict=True)],
        [np.concatenate(column) for column in zip(*(part.masks for part in parts), strict=True)],
    )


def least(ranks: Array, count: int) -> Array:
    """Positions of the `count` least ranks, or of all where there are no more."""
    if len(ranks) <= count:
        return np.arange(len(ranks))
    chosen: Array = np.argpartition(ranks, count - 1)[:count] if count > 0 else np.arange(0)
    return chosen


def least_of_each(classes: Array, ranks: Array, wanted: Callable[[int], int]) -> Array:
    """Positions of the least ranks of each class, class after class in rising order, by rank within one.

    Args:
        classes: Whole numbers, shape `(n,)`.
        ranks: Shape `(n,)`.
        wanted: How many of a class.
    """
    if not len(classes):
        return np.arange(0)
    # A stable sort of small integers counts them, and leaves each class as one stretch.
    order = np.argsort(classes, kind="stable")
    ordered = classes[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    chosen = []
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        places = order[start:stop]
        places = places[least(ranks[places], wanted(int(ordered[start])))]
        chosen.append(places[np.argsort(ranks[places], kind="stable")])
    return np.concatenate(chosen)


class PickedFeatures(Sequence[Feature]):
    """The features of picks, made when they are first looked at."""

    def __init__(self, picks: Picks, names: Sequence[str], projection: Projection, geometries: bool) -> None:
        """Takes what features show.

        Args:
            picks: One feature for each.
            names: Band ids, which properties are named by.
            projection: Of the picks' rows and columns.
            geometries: Whether a feature lies at the centre of its pixel, or nowhere.
        """
        self._picks = picks
        self._names = list(names)
        self._projection = projection
        self._geometries = geometries
        self._made: list[Feature] | None = None

    def __len__(self) -> int:
        """Number of picks; no feature is made."""
        return len(self._picks)

    @overload
    def __getitem__(self, index: int) -> Feature: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Feature]: ...

    def __getitem__(self, index: int | slice) -> Feature | Sequence[Feature]:
        """Features by position."""
        return self._all()[index]

    def __iter__(self) -> Iterator[Feature]:
        """Goes through the features."""
        return iter(self._all())

    def _all(self) -> list[Feature]:
        if self._made is None:
            places = centres(self._picks, self._projection) if self._geometries else None
            self._made = [
                Feature(
                    geometry=None if places is None else Geometry(shapely.Point(places[number])),
                    properties={**row, INDEX: str(number)},
                )
                for number, row in enumerate(named_rows(self._picks, self._names))
            ]
        return self._made


def named_rows(picks: Picks, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The values of each pick by name, None where a band is masked."""
    columns = []
    for values, mask in zip(picks.values, picks.masks, strict=True):
        column = values.tolist()
        if not mask.all():
            column = [value if valid else None for value, valid in zip(column, mask.tolist(), strict=True)]
        columns.append(column)
    if not columns:
        return ({} for _ in range(len(picks)))
    return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def centres(picks: Picks, projection: Projection) -> Array:
    """Longitude and latitude of the picked pixels' centres, shape `(n, 2)`."""
    x, y = projection.located(picks.columns + 0.5, picks.rows + 0.5)
    return np.column_stack(transformer(projection.crs, WGS84).transform(x, y))


def over_tiles(window: Grid, side: int, work: Callable[[Grid], T]) -> Iterator[T]:
    """What `work` gives for each tile of a window, in order; on all cores, and no more tiles at a time than cores.

    Args:
        window: What to go through.
        side: Side of a tile in pixels.
        work: Called in threads of the same computation.
    """
    tiles = window.tiles(side)
    cores = cpu_count() or 1
    # Threads in short steps wait for each other more than they gain: a few tiles are as quick one after another.
    if window.size < 4 * side * side or cores == 1:
        yield from (work(tile) for _, _, tile in tiles)
        return
    carried = computation.carried(work)
    waiting = iter(tiles)
    with ThreadPoolExecutor(min(cores, len(tiles)), "tiles") as pool:
        running: list[Future[T]] = [pool.submit(carried, tile) for _, _, tile in islice(waiting, cores)]
        try:
            while running:
                done = running.pop(0).result()
                running.extend(pool.submit(carried, tile) for _, _, tile in islice(waiting, 1))
                yield done
        finally:
            for future in running:
                future.cancel()
