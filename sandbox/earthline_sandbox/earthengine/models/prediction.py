"""`Model.predictImage`: an image cut into tiles, sent to an endpoint, and put together again without seams.

Tiles lie on a fixed lattice of the input projection's pixel plane, so that the same ground always falls into the
same tile, whatever is asked for. A tile is sent with half of the overlap on each side, and its answer is trimmed to
the tile. Masked pixels are sent as 0; the answer is masked where any input band is.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.models import payloads
from earthline_sandbox.earthengine.models.payload_formats import payload_of
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, blank, combined, pull
from earthline_sandbox.earthengine.readings import ALONE, EACH_EDGE, TOTAL, Readings
from earthline_sandbox.earthengine.records import PredictionClient
from earthline_sandbox.earthengine.values.values import Image, Model
from earthline_sandbox.errors import invalid

DEFAULT_PAYLOAD_BYTES = 1_500_000

_PARALLEL_REQUESTS = 8
_TILES_PER_ROUND = 64
_CACHE_BYTES = 256 * 2**20
_READINGS = Readings()
# Of the limit, that answers are planned to take: not all of them have the same length to the byte.
_SHARE = 0.95

Tile = tuple[dict[str, Array], Array]
Plane = tuple[str, tuple[float, float, float, float, float, float]]


@dataclass(frozen=True)
class Tiling:
    """Sizes of the tiles of one model, all `(height, width)` in pixels.

    Attributes:
        tile: Ground that one request answers for, in input pixels.
        overlap: Total overlap, half on each side.
        answer: Ground that one request answers for, in output pixels.
    """

    tile: tuple[int, int]
    overlap: tuple[int, int]
    answer: tuple[int, int]

    @classmethod
    def of(cls, model: Model, overlap_reading: str = TOTAL) -> "Tiling":
        """The tiling of a model; raises INVALID_ARGUMENT where it has none that can be used."""
        tile = _size(model.input_tile_size, "inputTileSize", least=1)
        if tile is None:
            raise invalid("Model.predictImage: inputTileSize is required for image predictions.")
        overlap = _size(model.input_overlap_size, "inputOverlapSize", least=0) or (0, 0)
        if overlap_reading == EACH_EDGE:
            overlap = (2 * overlap[0], 2 * overlap[1])
        answer = _size(model.output_tile_size, "outputTileSize", least=1) or tile
        return cls(tile, overlap, answer)

    @property
    def sent(self) -> tuple[int, int]:
        """What the model receives."""
        return self.tile[0] + self.overlap[0], self.tile[1] + self.overlap[1]


def predict_image(model: Model, image: Image, client: PredictionClient, readings: Readings = _READINGS) -> Image:
    """The image with the model's output bands after its own; nothing is predicted until pixels are asked for.

    Args:
        model: From `Model.fromVertexAi`.
        image: Input bands, sent under their own names.
        client: Reaches the endpoint.
        readings: What the overlap means, and whether the image's own bands are kept.

    Raises:
        ApiError: INVALID_ARGUMENT: the model is not described well enough.
    """
    if not image.bands:
        raise invalid("Model.predictImage: The image has no bands.")
    if not model.output_bands:
        raise invalid("Model.predictImage: outputBands is required for image predictions.")
    types = {name: _output_type(name, about) for name, about in model.output_bands.items()}
    payload = payload_of(model.payload_format, readings.grpc)
    predictor = _Predictor(model, image, client, types, Tiling.of(model, readings.overlap), payload)
    bands = [predictor.band(name) for name in types]
    if readings.prediction == ALONE:
        return image.with_bands(bands)
    return image.with_bands([*(band for band in image.bands if band.name not in types), *bands])


class _Predictor:
    """The tiles of one image, kept while its expression is evaluated."""

    def __init__(
        self,
        model: Model,
        image: Image,
        client: PredictionClient,
        types: Mapping[str, PixelType],
        tiling: Tiling,
        payload: payloads.Payload,
    ) -> None:
        self._model = model
        self._image = image
        self._client = client
        self._types = types
        self._payload = payload
        self._tiling = tiling
        self._limit = model.max_payload_bytes or DEFAULT_PAYLOAD_BYTES
        self._projection = model.proj or image.bands[0].projection
        self._properties = self._read_properties()
        self._tiles: OrderedDict[tuple[Plane, int, int], Tile] = OrderedDict()
        self._bytes = 0
        # Of the longest prediction so far; 0 where none has come yet.
        self._answer_bytes = 0
        self._lock = threading.Lock()

    def band(self, name: str) -> Band:
        """One output band."""
        tiling, first = self._tiling, self._image.bands[0]
        zoom = (tiling.tile[0] / tiling.answer[0], tiling.tile[1] / tiling.answer[1])
        plane = self._projection.scaled(zoom[1], zoom[0])
        pixel_type = self._types[name]
        size = first.size if first.projection == plane else None

        def read(window: Grid) -> Pixels:
            return self._window(name, window.anchor or window.projection, window)

        def source(grid: Grid) -> Pixels:
            if self._model.fix_input_proj:
                return pull(grid, plane, read, pixel_type)
            return self._window(name, grid.anchor or grid.projection, grid)

        return Band(name, pixel_type, plane, source, size=size, origin=first.origin if size else (0, 0))

    def _window(self, name: str, plane: Projection, window: Grid) -> Pixels:
        """A window of the output plane, put together from tiles."""
        (top, left), (height, width) = window.offset, window.shape
        tall, wide = self._tiling.answer
        places = [
            (row, column)
            for row in range(top // tall, (top + height - 1) // tall + 1)
            for column in range(left // wide, (left + width - 1) // wide + 1)
        ]
        result: Pixels | None = None
        for start in range(0, len(places), _TILES_PER_ROUND):
            some = places[start : start + _TILES_PER_ROUND]
            for (row, column), (arrays, mask) in zip(some, self._get(plane, some), strict=True):
                if result is None or (result.values.ndim == 2 + self._types[name].dimensions and not result.mask.any()):
                    values = np.zeros((height, width, *arrays[name].shape[2:]), self._types[name].dtype)
                    result = Pixels(values, np.zeros((height, width), mask.dtype))
                to_rows, from_rows = _overlap(row * tall - top, tall, height)
                to_columns, from_columns = _overlap(column * wide - left, wide, width)
                block = arrays[name][from_rows, from_columns]
                if block.shape[2:] == result.values.shape[2:]:
                    result.values[to_rows, to_columns] = block
                    result.mask[to_rows, to_columns] = mask[from_rows, from_columns]
        return result or blank(window.shape, self._types[name])

    def _get(self, plane: Projection, places: Sequence[tuple[int, int]]) -> list[Tile]:
        key = (plane.crs, plane.transform)
        with self._lock:
            kept = {place: self._tiles[key, *place] for place in places if (key, *place) in self._tiles}
            missing = [place for place in places if place not in kept]
            for place, tile in zip(missing, self._predict(plane, missing), strict=True):
                kept[place] = self._tiles[key, *place] = tile
                self._bytes += _held(tile)
            while self._bytes > _CACHE_BYTES and self._tiles:
                _, dropped = self._tiles.popitem(last=False)
                self._bytes -= _held(dropped)
        return [kept[place] for place in places]

    def _predict(self, plane: Projection, places: Sequence[tuple[int, int]]) -> list[Tile]:
        tiles: list[Tile | None] = [None] * len(places)
        masks: list[Array] = []
        instances: dict[int, Any] = {}
        lengths: dict[int, int] = {}
        for number, place in enumerate(places):
            arrays, mask = self._inputs(plane, place)
            masks.append(mask)
            if not np.any(mask):
                # All of it is masked, so no answer could be seen.
                tiles[number] = (self._nothing(), mask)
                continue
            instances[number] = self._payload.instance(arrays)
            lengths[number] = self._payload.instance_bytes(instances[number])
            self._check_payload(lengths[number])

        def send(batch: list[int]) -> tuple[Sequence[Any], int]:
            return self._payload.sent(self._client, self._model.endpoint, [instances[number] for number in batch])

        def take(batch: list[int], predictions: Sequence[Any]) -> None:
            if len(predictions) != len(batch):
                raise invalid(
                    f"Model.predictImage: The endpoint gave {len(predictions)} predictions for {len(batch)} "
                    "instances; it must give one for each."
                )
            for number, prediction in zip(batch, predictions, strict=True):
                tiles[number] = (self._outputs(prediction), masks[number])

        if lengths and not self._answer_bytes:
            # The answers' bytes count as the requests' do, and are not known before the first: it is asked for alone.
            first = next(iter(lengths))
            del lengths[first]
            predictions, self._answer_bytes = send([first])
            take([first], predictions)
        if batches := self._batches(lengths):
            with ThreadPoolExecutor(min(_PARALLEL_REQUESTS, len(batches))) as pool:
                for batch, (predictions, _) in zip(batches, pool.map(computation.carried(send), batches), strict=True):
                    take(batch, predictions)
        return [tile for tile in tiles if tile is not None]

    def _batches(self, lengths: Mapping[int, int]) -> list[list[int]]:
        """Tiles that go into one request, given the bytes of each: neither it nor its answer is over the limit."""
        batches: list[list[int]] = []
        size, most = self._limit, max(1, int(_SHARE * self._limit) // max(self._answer_bytes, 1))
        most = min(most, self._payload.most_instances or most)
        for number, length in lengths.items():
            if size + length > self._limit or len(batches[-1]) >= most:
                batches.append([])
                size = self._payload.empty_bytes
            batches[-1].append(number)
            size += length
        return batches

    def _inputs(self, plane: Projection, place: tuple[int, int]) -> tuple[dict[str, Array], Array]:
        """What is sent for a tile, and the mask of its answer."""
        tiling = self._tiling
        (tall, wide), (extra_rows, extra_columns) = tiling.tile, tiling.overlap
        inputs = plane.scaled(tiling.answer[1] / wide, tiling.answer[0] / tall)
        if tiling.answer == tiling.tile:
            inputs = plane
        before = (extra_rows // 2, extra_columns // 2)
        grid = inputs.grid(place[0] * tall - before[0], place[1] * wide - before[1], tiling.sent)
        arrays: dict[str, Array] = {}
        masks = []
        for band, pixels in zip(self._image.bands, self._image.fetch(grid), strict=True):
            arrays[band.name] = self._sent(band, pixels)
            masks.append(np.asarray(pixels.mask)[before[0] : before[0] + tall, before[1] : before[1] + wide])
        mask = combined(*masks)
        if tiling.answer != tiling.tile:
            rows = (np.arange(tiling.answer[0]) * tall) // tiling.answer[0]
            columns = (np.arange(tiling.answer[1]) * wide) // tiling.answer[1]
            mask = mask[np.ix_(rows, columns)]
        return {**arrays, **self._properties}, mask

    def _sent(self, band: Band, pixels: Pixels) -> Array:
        override = (self._model.input_type_override or {}).get(band.name)
        values = pixels.values if override is None else override.converted(pixels.values)
        if values.ndim == 2:
            values = values[:, :, None]
        shape = (self._model.input_shapes or {}).get(band.name)
        if shape is not None and tuple(shape) != values.shape[2:]:
            if values.shape[2:] != (1,) * (values.ndim - 2):
                raise invalid(
                    f"Model.predictImage: Band '{band.name}' has pixels of shape {list(values.shape[2:])}, but "
                    f"inputShapes declares {list(shape)}."
                )
            values = np.broadcast_to(values.reshape(values.shape[:2] + (1,) * len(shape)), (*values.shape[:2], *shape))
        valid = (np.asarray(pixels.mask) > 0).reshape(values.shape[:2] + (1,) * (values.ndim - 2))
        return np.where(valid, values, np.zeros((), values.dtype))

    def _outputs(self, prediction: Any) -> dict[str, Array]:
        return {
            name: self._trimmed(name, array) for name, array in payloads.outputs(prediction, list(self._types)).items()
        }

    def _trimmed(self, name: str, array: Array) -> Array:
        tiling, pixel_type = self._tiling, self._types[name]
        rank = 2 + pixel_type.dimensions
        shown = array.shape
        whole = tuple(
            sent * answer // tile for sent, answer, tile in zip(tiling.sent, tiling.answer, tiling.tile, strict=True)
        )
        # A batch of one around the tile, or a last axis of one value, is how many models write the same thing.
        while array.ndim > rank and array.shape[0] == 1 and array.shape[1:3] in (whole, tiling.answer):
            array = array[0]
        while array.ndim > rank and array.shape[-1] == 1:
            array = array[..., 0]
        if array.ndim != rank or array.shape[:2] not in (whole, tiling.answer):
            raise invalid(
                f"Model.predictImage: The output '{name}' has shape {list(shown)}; expected height and width "
                f"{list(whole)} (inputTileSize plus inputOverlapSize) or {list(tiling.answer)} (the tile without "
                f"overlap), and {pixel_type.dimensions} array dimensions after them."
            )
        before = [(have - want) // 2 for have, want in zip(array.shape[:2], tiling.answer, strict=True)]
        rows = slice(before[0], before[0] + tiling.answer[0])
        return pixel_type.converted(array[rows, before[1] : before[1] + tiling.answer[1]])

    def _nothing(self) -> dict[str, Array]:
        return {name: blank(self._tiling.answer, kind).values for name, kind in self._types.items()}

    def _read_properties(self) -> dict[str, Array]:
        found = {}
        for name in self._model.input_properties or ():
            value = self._image.get(name)
            if value is None:
                raise invalid(f"Model.predictImage: The image has no property '{name}', which inputProperties names.")
            found[name] = np.asarray(value, dtype=object if isinstance(value, str) else None)
        return found

    def _check_payload(self, length: int) -> None:
        if length + self._payload.empty_bytes > self._limit:
            height, width = self._tiling.sent
            raise invalid(
                f"Model.predictImage: One tile of {width}x{height} pixels and {len(self._image.bands)} bands makes a "
                f"prediction request of {length} bytes, more than maxPayloadBytes ({self._limit}). Use a smaller "
                "inputTileSize or inputOverlapSize, send fewer bands or a smaller type (inputTypeOverride), or raise "
                "maxPayloadBytes where the endpoint takes more."
            )


def _overlap(start: int, length: int, limit: int) -> tuple[slice, slice]:
    """Where a stretch that starts at `start` lies within `0 … limit`, and which part of it that is."""
    first, last = max(start, 0), min(start + length, limit)
    return slice(first, last), slice(first - start, last - start)


def _held(tile: Tile) -> int:
    return tile[1].nbytes + sum(array.nbytes for array in tile[0].values())


def _size(given: Sequence[Any] | None, key: str, *, least: int) -> tuple[int, int] | None:
    """Earth Engine's (width, height) as (height, width)."""
    if given is None:
        return None
    sizes = [int(item) for item in given]
    if len(sizes) != 2 or min(sizes) < least:
        raise invalid(f"Model.predictImage: {key} must be [width, height], each at least {least}, not {list(given)}.")
    return sizes[1], sizes[0]


def _output_type(name: str, about: Mapping[str, Any]) -> PixelType:
    kind = about.get("type")
    if not isinstance(kind, PixelType):
        raise invalid(f"Model.predictImage: outputBands['{name}'] needs a 'type', such as ee.PixelType.float().")
    dimensions = int(about.get("dimensions") or 0)
    return PixelType(kind.precision, kind.minimum, kind.maximum, dimensions)
