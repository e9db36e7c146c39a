"""A map of images, from its first tile to its files; begun anew or gone on with."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio

from earthline.earth_engine.pixels import stream
from earthline.formats.served.contract import Contract
from earthline.local_map import rasters
from earthline.local_map.images import Images
from earthline.local_map.lattice import Lattice, Sent
from earthline.local_map.layers import Array, Layers
from earthline.local_map.predictors import Predictor
from earthline.local_map.work import Work
from earthline.reports.maps.raster import MapError
from earthline.task import Task
from earthline.task.maps import Coverage

VERSION = 1
"""Changes when the same inputs would give other pixels, so that work of an older version is not gone on with."""

Progress = Callable[[int], None]
"""Is called with how many tiles more are done."""


@dataclass(frozen=True)
class Job:
    """What is to be mapped, by what.

    Attributes:
        images: Open images.
        lattice: Their tiles.
        contract: Of the model.
        task: What the map tells.
        layers: What is written.
        model: What tells the model from any other, such as a digest.
        named: The model as the user named it.
        output: GeoTIFF to write.
    """

    images: Images
    lattice: Lattice
    contract: Contract
    task: Task
    layers: Layers
    model: str
    named: str
    output: Path

    def open(self, *, anew: bool) -> Work:
        """What is done already; nothing at first.

        Args:
            anew: Whether other work of this name is thrown away.

        Raises:
            WorkError: It is another map's, or another process works on it.
        """
        return Work(
            self.output, self._identity(), len(self.lattice), self.images.grid.shape, self.layers.types, anew=anew
        )

    def predict(self, work: Work, predictor: Predictor, under_way: int, progress: Progress) -> None:
        """Predicts what is not done yet.

        Args:
            work: From `open`.
            predictor: Computes.
            under_way: Groups of tiles that it computes at once.
            progress: Is told of each group.

        Raises:
            ImageError: An image is damaged.
            EndpointError: The endpoint does not answer.
            RuntimeFault: The model cannot compute.
        """

        def compute(sent: Sent) -> Mapping[str, Array]:
            return self._computed(sent, predictor)

        with (
            rasterio.Env(GDAL_CACHEMAX=self.images.cache_bytes(self.lattice.rows) >> 20),
            ThreadPoolExecutor(under_way, thread_name_prefix="predict") as pool,
        ):
            try:
                # One group more is read while the others are computed: files are read by this thread alone.
                for sent, layers in stream(pool, compute, self._todo(work, progress), under_way + 1):
                    work.write(sent.group.number, sent.group.row, sent.group.column, layers)
                    progress(sent.group.tiles)
            except BaseException:
                predictor.end()
                raise
        work.settle()

    def write(self, work: Work, title: str, source: str, *, picture: bool) -> tuple[list[Path], Coverage]:
        """Writes the files of a work that is done, and throws the work away.

        Args:
            work: All of whose groups are done.
            title: Of the map.
            source: Attribution of the imagery; may be empty.
            picture: Whether a PNG is drawn.

        Returns:
            The files, the map first; and what the map shows.

        Raises:
            MapError: Every pixel is masked, or a value is none of the task's.
            OSError: A file could not be written whole; the work stays.
        """
        from earthline.earth_engine.confidence import titles

        tags = {"title": title, "model": self.named} | ({"source": source} if source else {})
        told = titles(self.task, self.contract.further)
        drawn = (title, source) if picture else None
        try:
            made = rasters.write(work, self.output, self.images.grid, self.task, self.layers, tags, told, drawn)
        except MapError:
            work.remove()  # of these images and this model there is no map
            raise
        work.remove()
        return made

    def _todo(self, work: Work, progress: Progress) -> Iterator[Sent]:
        """The groups that are left, read one after the other; those that show nothing are done at once."""
        for number in np.flatnonzero(~work.done):
            group = self.lattice[int(number)]
            sent = self.lattice.sent(group, self.images.read)
            if sent.places:
                yield sent
            else:
                empty = {name: np.full(sent.valid.shape, value) for name, value in self.layers.nothing.items()}
                work.write(group.number, group.row, group.column, empty)
                progress(group.tiles)

    def _computed(self, sent: Sent, predictor: Predictor) -> Mapping[str, Array]:
        answer = predictor.predict(sent.inputs)
        nothing = self.layers.nothing
        return {name: self.lattice.trimmed(sent, values, nothing[name]) for name, values in answer.items()}

    def _identity(self) -> str:
        """A digest of all that pixels depend on."""
        told = {
            "version": VERSION,
            "model": self.model,
            "contract": self.contract.model_dump(mode="json"),
            "images": self.images.fingerprint,
            "grid": self.images.grid.to_json(),
            "lattice": [len(self.lattice), self.lattice.tiles, list(self.lattice.start)],
            "layers": self.layers.types,
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


MOST_BANDS = 3
"""Bands of which a note gives numbers; it names the others."""


def cut(samples: Array, contract: Contract) -> list[str]:
    """What is lost of fractions which the model does not get, as it learned from whole numbers.

    Args:
        samples: Of the images, (bands, pixels).
        contract: Has the types of its bands.

    Returns:
        A sentence, or none.
    """
    found: dict[str, list[str]] = {}
    for band, values in zip(contract.bands, samples, strict=True):
        kind = contract.typed(band, np.zeros(0)).dtype
        if kind.kind != "f" and (values % 1 != 0).any():
            found.setdefault(str(kind), []).append(band)
    if not found:
        return []
    told = "; ".join(f"{', '.join(bands)} ({kind})" for kind, bands in found.items())
    return [
        f"the image has fractions where the model takes whole numbers: {told}. They are cut off, as Earth Engine does; "
        "is it in the same units?"
    ]


def unlike(samples: Array, tiles: Array, valid: Array, bands: Sequence[str]) -> list[str]:
    """Bands most of whose values no real tile of the model's has: in other units, or taken for one another.

    Args:
        samples: Of the images, (bands, pixels).
        tiles: Which the model was proved on, (tiles, height, width, bands).
        valid: Of these, (tiles, height, width): 1 where valid.
        bands: Names.

    Returns:
        A sentence that tells all of them, or none.
    """
    known = tiles[valid > 0]
    if not samples.shape[1] or not len(known):
        return []
    found: list[str] = []
    others: list[str] = []
    for band, mine, learned in zip(bands, samples, known.T, strict=True):
        (low, middle, high), (least, _, most) = (np.percentile(values, (2, 50, 98)) for values in (mine, learned))
        if least <= middle <= most:
            continue
        if len(found) < MOST_BANDS:
            there = f"there {least:.4g} to {most:.4g}"
            found.append(f"{band} has values from {low:.4g} to {high:.4g}, {middle:.4g} in the middle, {there}")
        else:
            others.append(band)
    if not found:
        return []
    told = "; ".join([*found, *([f"likewise {', '.join(others)}"] if others else [])])
    return [f"not as in the tiles that the model was proved on: {told}. Is each the right band, in the same units?"]
