"""Images as TFRecord patches and back: one Example per patch, and the mixer that says where the patches lie.

Sources: https://developers.google.com/earth-engine/guides/tfrecord, and `TfRecordImageExportOptions` of the REST
reference. All numbers are floats, pixels are channels, height, width in row-major order, and partial patches at the
right and lower edge are dropped.
"""

import gzip
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.windows import Window

from earthline_sandbox.earthengine.formats.tfrecords import (
    RecordError,
    Values,
    decode_example,
    encode_example,
    frame,
    records,
)
from earthline_sandbox.earthengine.pixels.grid import Grid, crs_of
from earthline_sandbox.earthengine.pixels.pixels import Pixels
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import ApiError, invalid

#: Largest file before compression, in bytes, unless the request says otherwise.
DEFAULT_FILE_BYTES = 2**30
#: Patch `(height, width)` unless the request says otherwise.
DEFAULT_SHAPE = (256, 256)

_MAX_SIDE = 2**20
_COMPRESSION = 6


@dataclass(frozen=True)
class PatchOptions:
    """REST `TfRecordImageExportOptions`.

    Attributes:
        shape: Patch in pixels `(height, width)`, without its margin.
        margin: Pixels that every patch has more, `(height, width)`, half on each side.
        compress: Whether files are gzip.
        file_bytes: Largest file before compression; further patches go into another.
        default: Value of all bands of a pixel that is masked, wholly or partly, in one of them.
        depths: Length of the arrays of each array band.
        masked_ratio: Largest share of masked pixels; patches beyond it are left out.
    """

    shape: tuple[int, int] = DEFAULT_SHAPE
    margin: tuple[int, int] = (0, 0)
    compress: bool = False
    file_bytes: int = DEFAULT_FILE_BYTES
    default: float = 0.0
    depths: Mapping[str, int] = field(default_factory=dict)
    masked_ratio: float = 1.0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "PatchOptions":
        """Reads `tfRecordOptions`; raises INVALID_ARGUMENT naming what cannot be used."""
        for name in ("sequenceData", "collapseBands"):
            if given.get(name):
                raise invalid(f"tfRecordOptions.{name} is not supported by the sandbox.")
        try:
            options = cls(
                shape=_dimensions(given.get("tileDimensions"), DEFAULT_SHAPE),
                margin=_dimensions(given.get("marginDimensions"), (0, 0)),
                compress=bool(given.get("compress")),
                file_bytes=int(_wrapped(given.get("maxSizeBytes"), DEFAULT_FILE_BYTES)),
                default=float(given.get("defaultValue", 0.0)),
                depths={str(name): int(depth) for name, depth in (given.get("tensorDepths") or {}).items()},
                masked_ratio=float(_wrapped(given.get("maxMaskedRatio"), 1.0)),
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise invalid(f"Invalid value in tfRecordOptions: {error}.") from error
        if min(options.shape) < 1 or max(options.shape) > _MAX_SIDE:
            raise invalid("tfRecordOptions.tileDimensions must be positive.")
        if min(options.margin) < 0 or options.file_bytes < 1 or not 0 <= options.masked_ratio <= 1:
            raise invalid(
                "tfRecordOptions: marginDimensions must not be negative, maxSizeBytes must be positive and "
                "maxMaskedRatio between 0 and 1."
            )
        return options


def _dimensions(given: Any, default: tuple[int, int]) -> tuple[int, int]:
    return (int(given["height"]), int(given["width"])) if given else default


def _wrapped(given: Any, default: float) -> Any:
    return given.get("value", default) if isinstance(given, Mapping) else default if given is None else given


def example(image: Image, grid: Grid, options: PatchOptions) -> tuple[bytes, float]:
    """The Example of one grid, and the share of its pixels that is masked.

    Raises:
        ApiError: INVALID_ARGUMENT for an array band whose depth is not given.
    """
    pixels = image.fetch(grid, ragged=True)
    valid = np.ones(grid.shape, dtype=bool)
    for band in pixels:
        valid &= np.asarray(band.mask) >= 1
    features: dict[str, Values] = {
        name: _channels(name, band, valid, options) for name, band in zip(image.names, pixels, strict=True)
    }
    return encode_example(features), 1.0 - float(valid.mean())


def _channels(name: str, band: Pixels, valid: NDArray[Any], options: PatchOptions) -> NDArray[Any]:
    """One band as float32: `(height, width)`, or `(depth, height, width)` of array pixels."""
    ragged = band.values.dtype == object
    if band.values.ndim == 2 and not ragged:
        return np.where(valid, band.values, options.default).astype("float32")
    depth = options.depths.get(name)
    cells = [(row, column, band.values[row, column]) for row, column in np.argwhere(valid)] if ragged else []
    if depth is None or band.values.ndim > 3 or any(cell.ndim != 1 for _, _, cell in cells):
        raise invalid(
            f"Array band '{name}' must have one dimension, and its depth named in 'tensorDepths'; "
            "or use arrayFlatten first."
        )
    result = np.full((depth, *valid.shape), options.default, dtype="float32")
    for row, column, cell in cells:
        result[: len(cell), row, column] = cell[:depth]
    if ragged:
        return result
    kept = min(depth, band.values.shape[2])
    result[:kept] = np.moveaxis(np.where(valid[..., None], band.values, options.default), -1, 0)[:kept]
    return result


class PatchWriter:
    """Files of patches in a folder, each up to a size.

    Attributes:
        paths: Files so far, in order.
    """

    def __init__(self, folder: Path, options: PatchOptions) -> None:
        """Writes below `folder`."""
        self.paths: list[Path] = []
        self._folder = folder
        self._options = options
        self._file: gzip.GzipFile | BufferedWriter | None = None
        self._bytes = 0

    def write(self, record: bytes) -> None:
        """Appends an Example; begins another file where it does not fit."""
        framed = frame(record)
        if self._file is None or self._bytes + len(framed) > self._options.file_bytes:
            self.close()
            path = self._folder / f"{len(self.paths):05d}"
            self._file = gzip.open(path, "wb", _COMPRESSION) if self._options.compress else path.open("wb")
            self._bytes = 0
            self.paths.append(path)
        self._file.write(framed)
        self._bytes += len(framed)

    def close(self) -> None:
        """Ends the current file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def write_patches(
    image: Image, grid: Grid, options: PatchOptions, folder: Path, progress: Callable[[float], None]
) -> tuple[list[Path], dict[str, Any] | None]:
    """Writes an image as patches, row by row.

    Args:
        image: The bands.
        grid: Where; partial patches at its right and lower edge are dropped.
        options: Of the export.
        folder: Where the files go.
        progress: Is told the share that is done.

    Returns:
        The files in order, and the mixer; None where patches may have been left out.

    Raises:
        ApiError: INVALID_ARGUMENT where the grid holds no whole patch.
    """
    (height, width), (tall, wide) = grid.shape, options.shape
    rows, columns = height // tall, width // wide
    if not rows or not columns:
        raise invalid(
            f"Export is empty: an image of {width}x{height} pixels holds no whole patch of {wide}x{tall}; choose "
            "smaller patchDimensions."
        )
    top, left = options.margin[0] // 2, options.margin[1] // 2
    shape = (tall + options.margin[0], wide + options.margin[1])
    writer = PatchWriter(folder, options)
    try:
        for number in range(rows * columns):
            progress(number / (rows * columns))
            row, column = divmod(number, columns)
            record, masked = example(image, grid.window(row * tall - top, column * wide - left, shape), options)
            if masked <= options.masked_ratio:
                writer.write(record)
    finally:
        writer.close()
    mixer = None
    if options.masked_ratio == 1.0:
        mixer = {
            "projection": {"crs": grid.crs, "affine": {"doubleMatrix": list(grid.transform)}},
            "patchDimensions": [wide, tall],
            "patchesPerRow": columns,
            "totalPatches": rows * columns,
        }
    return writer.paths, mixer


@dataclass(frozen=True)
class Mixer:
    """Where the patches of a TFRecord lie.

    Attributes:
        crs: Authority code or WKT.
        transform: Pixel to CRS, in Earth Engine's order.
        shape: Patch in pixels `(height, width)`.
        columns: Patches in a row.
        total: Patches.
    """

    crs: str
    transform: tuple[float, ...]
    shape: tuple[int, int]
    columns: int
    total: int

    @classmethod
    def read(cls, path: Path) -> "Mixer":
        """Reads a mixer file; raises INVALID_ARGUMENT naming what is wrong in it."""
        try:
            if path.stat().st_size > 2**20:
                raise ValueError("it is larger than a megabyte")
            data = json.loads(path.read_bytes())
            width, height = (int(side) for side in data["patchDimensions"])
            transform = tuple(float(term) for term in data["projection"]["affine"]["doubleMatrix"])
            mixer = cls(
                str(data["projection"]["crs"]),
                transform,
                (height, width),
                int(data["patchesPerRow"]),
                int(data["totalPatches"]),
            )
            if len(transform) != 6 or not all(map(math.isfinite, transform)):
                raise ValueError("projection.affine.doubleMatrix must be six numbers")
            if not all(1 <= side <= _MAX_SIDE for side in (*mixer.shape, mixer.columns, mixer.total)):
                raise ValueError("patchDimensions, patchesPerRow and totalPatches must be positive")
        except KeyError as error:
            raise invalid(f"The mixer '{path.name}' lacks {error}.") from error
        except (ValueError, TypeError) as error:
            raise invalid(f"The mixer '{path.name}' cannot be read: {error}.") from error
        crs_of(mixer.crs)
        return mixer

    @property
    def size(self) -> tuple[int, int]:
        """The whole image in pixels `(height, width)`."""
        return math.ceil(self.total / self.columns) * self.shape[0], self.columns * self.shape[1]


def stitch(paths: Sequence[Path], mixer: Mixer, folder: Path, *, limit_bytes: int) -> dict[str, Path]:
    """Puts patches together: a GeoTIFF per feature, of the type that the Examples hold.

    Args:
        paths: TFRecord files, in the order of their patches.
        mixer: Where the patches lie.
        folder: Where the GeoTIFFs go.
        limit_bytes: Largest size of the files and of one band, uncompressed.

    Raises:
        ApiError: INVALID_ARGUMENT where files are damaged, or patches do not fit the mixer.
    """
    sinks: dict[str, Any] = {}
    made: dict[str, Path] = {}
    number = 0
    with ExitStack() as stack:
        for path in paths:
            try:
                for record in records(path, limit_bytes=limit_bytes):
                    if number >= mixer.total:
                        raise invalid(f"The TFRecords hold more patches than the mixer's totalPatches {mixer.total}.")
                    arrays = {name: _patch(name, item, mixer) for name, item in decode_example(record).items()}
                    if not sinks:
                        for position, (name, array) in enumerate(sorted(arrays.items())):
                            made[name] = folder / f"band{position}.tif"
                            profile = _profile(mixer, array.dtype.name, limit_bytes)
                            sinks[name] = stack.enter_context(rasterio.open(made[name], "w", **profile))
                    if arrays.keys() != sinks.keys():
                        raise invalid(
                            f"Patch {number} of the TFRecords has the features {sorted(arrays)}, the first one "
                            f"{sorted(sinks)}."
                        )
                    row, column = divmod(number, mixer.columns)
                    (tall, wide) = mixer.shape
                    for name, array in arrays.items():
                        sinks[name].write(array, 1, window=Window(column * wide, row * tall, wide, tall))
                    number += 1
            except RecordError as error:
                raise invalid(f"'{path.name}' is not a TFRecord file that can be read: {error}.") from error
    if number != mixer.total:
        raise invalid(f"The TFRecords hold {number} patches, the mixer says {mixer.total}.")
    return made


def _profile(mixer: Mixer, dtype: str, limit_bytes: int) -> dict[str, Any]:
    height, width = mixer.size
    if height * width * np.dtype(dtype).itemsize > limit_bytes:
        raise invalid(f"The mixer describes {width}x{height} pixels: more than {limit_bytes} bytes a band.")
    return {
        "driver": "GTiff",
        "dtype": dtype,
        "count": 1,
        "height": height,
        "width": width,
        "crs": crs_of(mixer.crs).to_wkt(),
        "transform": Affine(*mixer.transform),
        "bigtiff": "if_safer",
    }


def _patch(name: str, values: Values, mixer: Mixer) -> NDArray[Any]:
    if not isinstance(values, np.ndarray):
        values = np.frombuffer(b"".join(values), "uint8")
    if values.size != mixer.shape[0] * mixer.shape[1]:
        raise ApiError(
            "INVALID_ARGUMENT",
            f"Feature '{name}' has {values.size} values, a patch of {mixer.shape[1]}x{mixer.shape[0]} pixels needs "
            f"{mixer.shape[0] * mixer.shape[1]}.",
        )
    return values.reshape(mixer.shape)
