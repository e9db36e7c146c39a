"""Batch exports: images and tables to files or to an asset, classifiers to an asset.

The client bakes grid and region into the graph, so an export's grid is its image's own.
"""

import gzip
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.shutil import copy
from rasterio.windows import Window

from earthline_sandbox.earthengine.catalogue import pyramids
from earthline_sandbox.earthengine.catalogue.assets import Assets
from earthline_sandbox.earthengine.catalogue.layers import band_record, footprint
from earthline_sandbox.earthengine.catalogue.names import name_of
from earthline_sandbox.earthengine.formats import encoding, tables
from earthline_sandbox.earthengine.formats.patches import PatchOptions, write_patches
from earthline_sandbox.earthengine.formats.rendering import native_grid
from earthline_sandbox.earthengine.functions.learning import stored_classifiers
from earthline_sandbox.earthengine.learning.learners import Classifier
from earthline_sandbox.earthengine.limits import Limits
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Pixels, PixelType
from earthline_sandbox.earthengine.tasks.destinations import Destination
from earthline_sandbox.earthengine.tasks.operations import Task
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

GEOTIFF = "GEO_TIFF"
TFRECORD = "TF_RECORD_IMAGE"
_SIDE = 512


def check_size(grid: Grid, request: Mapping[str, Any], limits: Limits) -> None:
    """Raises INVALID_ARGUMENT where an export has more pixels than its `maxPixels`."""
    allowed = int((request.get("maxPixels") or {}).get("value", limits.export_pixels))
    if grid.size > allowed:
        raise invalid(
            f"Export too large: specified {grid.size} pixels (max: {allowed}). Specify higher maxPixels value if you "
            "intend to export a large area."
        )


def to_files(image: Image, destination: Destination, options: Mapping[str, Any], task: Task) -> list[str]:
    """Writes an image as GeoTIFFs or TFRecords and gives their addresses; works through it block by block.

    Args:
        image: Its own grid is the export's.
        destination: Where the files go, once all are whole.
        options: A REST `ImageFileExportOptions`.
        task: Is told of progress.

    Raises:
        ApiError: INVALID_ARGUMENT: a format or an option that cannot be.
    """
    with tempfile.TemporaryDirectory(prefix="earthengine-export-") as folder:
        if options.get("fileFormat") == TFRECORD:
            return _tfrecords(image, Path(folder), destination, options, task)
        return _geotiffs(image, Path(folder), destination, options, task)


def check_format(image: Image, options: Mapping[str, Any]) -> None:
    """Raises INVALID_ARGUMENT where the format or its options cannot be; found out before a task is queued."""
    file_format = str(options.get("fileFormat") or GEOTIFF)
    if file_format == TFRECORD:
        PatchOptions.of(options.get("tfRecordOptions") or {})
    elif file_format == GEOTIFF:
        _stored_dtype(image)
        _file_shape(options.get("geoTiffOptions") or {}, native_grid(image).shape)
    else:
        raise invalid(
            f"Export.image with fileFormat '{file_format}' is not supported; use one of {GEOTIFF}, {TFRECORD}."
        )


def _tfrecords(
    image: Image, folder: Path, destination: Destination, options: Mapping[str, Any], task: Task
) -> list[str]:
    patches = PatchOptions.of(options.get("tfRecordOptions") or {})
    paths, mixer = write_patches(image, native_grid(image), patches, folder, task.progress)
    extension = ".tfrecord.gz" if patches.compress else ".tfrecord"
    between = destination.separator
    uris = [
        destination.publish(path, f"{between}{number:05d}{extension}" if len(paths) > 1 else extension)
        for number, path in enumerate(paths)
    ]
    if mixer is not None:
        (folder / "mixer.json").write_text(json.dumps(mixer), encoding="utf-8")
        uris.append(destination.publish(folder / "mixer.json", f"{between}mixer.json"))
    return uris


def _geotiffs(
    image: Image, folder: Path, destination: Destination, options: Mapping[str, Any], task: Task
) -> list[str]:
    given = options.get("geoTiffOptions") or {}
    grid = native_grid(image)
    tall, wide = _file_shape(given, grid.shape)
    places = [(row, column) for row in range(0, grid.shape[0], tall) for column in range(0, grid.shape[1], wide)]
    uris = []
    for number, (row, column) in enumerate(places):
        part = grid.window(row, column, (min(tall, grid.shape[0] - row), min(wide, grid.shape[1] - column)))
        path = folder / "image.tif"

        def progress(share: float, number: int = number) -> None:
            task.progress((number + share) / len(places))

        empty = _geotiff(image, part, path, given, progress)
        if empty and given.get("skipEmptyFiles"):
            continue
        if given.get("cloudOptimized"):
            copy(path, folder / "optimized.tif", driver="COG", compress="deflate")
            path = folder / "optimized.tif"
        suffix = f"-{row:010d}-{column:010d}.tif" if len(places) > 1 else ".tif"
        uris.append(destination.publish(path, suffix))
    return uris


def _file_shape(given: Mapping[str, Any], shape: tuple[int, int]) -> tuple[int, int]:
    """`(height, width)` of one file; raises INVALID_ARGUMENT."""
    asked = given.get("tileDimensions")
    if not asked:
        return shape
    try:
        block = int((given.get("tileSize") or {}).get("value", 256))
        height, width = int(asked["height"]), int(asked["width"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise invalid(f"Invalid value in geoTiffOptions: {error}.") from error
    if min(height, width, block) < 1 or height % block or width % block:
        raise invalid(f"fileDimensions must be a positive multiple of shardSize ({block}), not {width}x{height}.")
    return height, width


def _stored_dtype(image: Image) -> np.dtype[Any]:
    kinds = {band.pixel_type.dtype for band in image.bands}
    if len({encoding.stored_dtype([kind]) for kind in kinds}) > 1:
        names = " and ".join(sorted(_shown(kind) for kind in kinds))
        raise invalid(f"Exported bands must have compatible data types; found inconsistent types: {names}.")
    return encoding.stored_dtype(list(kinds))


def _geotiff(image: Image, grid: Grid, path: Path, given: Mapping[str, Any], progress: Callable[[float], None]) -> bool:
    """Writes one file; True where all of it is masked."""
    dtype = _stored_dtype(image)
    nodata = float((given.get("noData") or {}).get("floatValue", encoding.nodata_of(dtype)))
    profile = encoding.profile(grid, len(image.bands), dtype) | {"tiled": True, "nodata": nodata, "bigtiff": "if_safer"}
    empty = True
    with rasterio.open(path, "w", **profile) as sink:
        for number, name in enumerate(image.names, start=1):
            sink.set_band_description(number, name)
        blocks = grid.tiles(_SIDE)
        for done, (row, column, window) in enumerate(blocks):
            progress(done / len(blocks))
            place = Window(column, row, window.shape[1], window.shape[0])
            for number, pixels in enumerate(image.fetch(window), start=1):
                _flat(pixels, image.names[number - 1])
                empty = empty and not np.any(pixels.mask)
                sink.write(
                    encoding.filled(Pixels(pixels.values.astype(dtype), pixels.mask), nodata), number, window=place
                )
    return empty


def to_asset(
    image: Image, assets: Assets, name: str, *, overwrite: bool, pyramiding: Mapping[str, str], task: Task
) -> list[str]:
    """Writes an image asset, masks included, and gives its id."""
    name = name_of(name)
    assets.check_target(name, "IMAGE", overwrite=overwrite)
    grid = native_grid(image)
    records = []
    with assets.staged(name) as staging:
        blocks = grid.tiles(_SIDE)
        total = len(blocks) * len(image.bands)
        for number, band in enumerate(image.bands):
            path = staging / f"{number + 1}.tif"
            profile = encoding.profile(grid, 1, band.pixel_type.dtype)
            profile |= {"tiled": True, "blockxsize": 256, "blockysize": 256, "bigtiff": "if_safer"}
            with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as sink:
                for done, (row, column, window) in enumerate(blocks):
                    task.progress((number * len(blocks) + done) / total)
                    pixels = image.fetch(window, [band.name])[0]
                    _flat(pixels, band.name)
                    place = Window(column, row, window.shape[1], window.shape[0])
                    valid = np.asarray(pixels.mask) > 0
                    sink.write_mask(np.where(valid, 255, 0).astype("uint8"), window=place)
                    sink.write(encoding.filled(pixels, 0).astype(band.pixel_type.dtype), 1, window=place)
            records.append(replace(band_record(path, band.name), crs=grid.crs))
            pyramids.build(records[-1], str(pyramiding.get(band.name, "MEAN")).upper())
        assets.put(
            name,
            "IMAGE",
            properties={key: value for key, value in image.properties.items() if _plain(key, value)},
            bands=records,
            footprint=footprint(records),
            pyramiding=pyramiding,
            overwrite=overwrite,
        )
    return [name]


def table_to_file(
    features: Sequence[dict[str, Any]], file_format: str, selectors: Sequence[str] | None, destination: Destination
) -> list[str]:
    """Writes the file of a table, or the several of a shapefile, and gives their addresses; raises INVALID_ARGUMENT."""
    parts = tables.files(features, file_format, selectors)
    with tempfile.TemporaryDirectory(prefix="earthengine-export-") as folder:
        path = Path(folder) / "table"
        uris = []
        for suffix, data in parts.items():
            path.write_bytes(data)
            uris.append(destination.publish(path, suffix))
        return uris


def records_to_file(rows: Iterable[Mapping[str, Any]], destination: Destination) -> list[str]:
    """Writes a table as a TFRecord, one row after the other, and gives its address; raises INVALID_ARGUMENT.

    Args:
        rows: Columns by name: numbers, texts, lists or arrays.
        destination: Where the file goes, once it is whole.
    """
    with tempfile.TemporaryDirectory(prefix="earthengine-export-") as folder:
        path = Path(folder) / "table"
        with gzip.GzipFile(path, "wb", mtime=0) as file:
            for number, row in enumerate(rows):
                file.write(tables.record(row, str(number)))
        return [destination.publish(path, tables.EXTENSIONS["TF_RECORD_TABLE"])]


def table_to_asset(features: Sequence[dict[str, Any]], assets: Assets, name: str, *, overwrite: bool) -> list[str]:
    """Writes a table asset of GeoJSON features, and gives its id."""
    assets.check_target(name, "TABLE", overwrite=overwrite)
    with assets.staged(name) as staging:
        path = staging / "features.geojson"
        kept = [{"id": f"{number:020x}", **feature} for number, feature in enumerate(features)]
        path.write_text(json.dumps({"type": "FeatureCollection", "features": kept}), encoding="utf-8")
        assets.put(name, "TABLE", features_path=path, overwrite=overwrite)
    return [name]


def classifier_to_asset(classifier: Classifier, assets: Assets, name: str, *, overwrite: bool) -> list[str]:
    """Writes a classifier asset, and gives its id; raises INVALID_ARGUMENT where the classifier cannot learn."""
    assets.check_target(name, stored_classifiers.TYPE, overwrite=overwrite)
    with assets.staged(name) as staging:
        path = staging / "classifier.json"
        stored_classifiers.write(classifier, path)
        assets.put(name, stored_classifiers.TYPE, features_path=path, overwrite=overwrite)
    return [name]


def _flat(pixels: Pixels, name: str) -> None:
    if pixels.values.ndim > 2:
        raise invalid(f"Band '{name}' has array pixels, which cannot be exported here; use arrayFlatten first.")


def _plain(key: str, value: Any) -> bool:
    if key.startswith("system:") and key not in ("system:time_start", "system:time_end"):
        return False
    if isinstance(value, list):
        return all(isinstance(item, int | float | str) for item in value)
    return isinstance(value, int | float | str)


def _shown(kind: np.dtype[Any]) -> str:
    names = {"uint8": "Byte", "int8": "Int8", "uint16": "UInt16", "uint32": "UInt32"}
    return names.get(kind.name, PixelType.of_dtype(kind.name).dtype.name.capitalize())
