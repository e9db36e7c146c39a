"""Batch exports: images to Cloud Storage or to an asset, tables to Cloud Storage.

The client bakes grid and region into the graph, so an export's grid is its image's own.
"""

import os
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import Window

from sandbox.earthengine import encoding
from sandbox.earthengine.assets import Assets
from sandbox.earthengine.grid import Grid
from sandbox.earthengine.layers import band_record, footprint
from sandbox.earthengine.limits import Limits
from sandbox.earthengine.names import name_of
from sandbox.earthengine.operations import Task
from sandbox.earthengine.pixels import Pixels, PixelType
from sandbox.earthengine.rendering import native_grid
from sandbox.earthengine.values import Image
from sandbox.errors import invalid, not_found

_SIDE = 512
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


@dataclass(frozen=True)
class Destination:
    """An object of Cloud Storage, as a plain file.

    Attributes:
        storage: Folder of all buckets.
        bucket: Bucket, which must exist.
        prefix: Start of the object's name.
    """

    storage: Path
    bucket: str
    prefix: str

    @classmethod
    def of(cls, storage: Path, options: Mapping[str, Any], description: str) -> "Destination":
        """The destination of `fileExportOptions`; raises ApiError where there is none that can be used."""
        if "cloudStorageDestination" not in options:
            kind = next((key for key in options if key.endswith("Destination")), "none")
            raise invalid(f"Export destination '{kind}' is not supported by the sandbox; use cloudStorageDestination.")
        given = options["cloudStorageDestination"]
        bucket, prefix = str(given.get("bucket", "")), str(given.get("filenamePrefix") or description)
        if not _BUCKET.fullmatch(bucket) or not (storage / bucket).is_dir():
            raise not_found(f"The specified bucket '{bucket}' does not exist in Cloud Storage.")
        root = (storage / bucket).resolve()
        if not prefix or not (root / f"{prefix}.x").resolve().is_relative_to(root):
            raise invalid(f"Invalid filenamePrefix '{prefix}'.")
        return cls(storage, bucket, prefix)

    def publish(self, file: Path, suffix: str) -> str:
        """Moves a finished file to its place in one step, and gives its gs:// address."""
        target = self.storage / self.bucket / f"{self.prefix}{suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        # The file may come from another disk: copy beside its place first, then rename.
        beside = target.with_name(f".{uuid.uuid4().hex}.partial")
        shutil.move(file, beside)
        os.replace(beside, target)
        return f"gs://{self.bucket}/{self.prefix}{suffix}"


def check_size(grid: Grid, request: Mapping[str, Any], limits: Limits) -> None:
    """Raises INVALID_ARGUMENT where an export has more pixels than its `maxPixels`."""
    allowed = int((request.get("maxPixels") or {}).get("value", limits.export_pixels))
    if grid.size > allowed:
        raise invalid(
            f"Export too large: specified {grid.size} pixels (max: {allowed}). Specify higher maxPixels value if you "
            "intend to export a large area."
        )


def to_storage(image: Image, file: Path, destination: Destination, options: Mapping[str, Any], task: Task) -> list[str]:
    """Writes a GeoTIFF object and gives its address; works through the image block by block."""
    grid = native_grid(image)
    kinds = {band.pixel_type.dtype for band in image.bands}
    if len({encoding.stored_dtype([kind]) for kind in kinds}) > 1:
        names = " and ".join(sorted(_shown(kind) for kind in kinds))
        raise invalid(f"Exported bands must have compatible data types; found inconsistent types: {names}.")
    dtype = encoding.stored_dtype(list(kinds))
    given = (options.get("geoTiffOptions") or {}).get("noData") or {}
    nodata = float(given.get("floatValue", encoding.nodata_of(dtype)))
    profile = encoding.profile(grid, len(image.bands), dtype) | {"tiled": True, "nodata": nodata, "bigtiff": "if_safer"}
    with rasterio.open(file, "w", **profile) as sink:
        for number, name in enumerate(image.names, start=1):
            sink.set_band_description(number, name)
        blocks = grid.tiles(_SIDE)
        for done, (row, column, window) in enumerate(blocks):
            task.progress(done / len(blocks))
            place = Window(column, row, window.shape[1], window.shape[0])
            for number, pixels in enumerate(image.fetch(window), start=1):
                _flat(pixels, image.names[number - 1])
                sink.write(
                    encoding.filled(Pixels(pixels.values.astype(dtype), pixels.mask), nodata), number, window=place
                )
    return [destination.publish(file, ".tif")]


def to_asset(
    image: Image, assets: Assets, name: str, *, overwrite: bool, pyramiding: Mapping[str, str], task: Task
) -> list[str]:
    """Writes an image asset, masks included, and gives its id."""
    name = name_of(name)
    assets.check_target(name, overwrite=overwrite)
    grid = native_grid(image)
    staging = assets.staging(name)
    records = []
    try:
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
        assets.put(
            name,
            "IMAGE",
            properties={key: value for key, value in image.properties.items() if _plain(key, value)},
            bands=records,
            footprint=footprint(records),
            pyramiding=pyramiding,
            overwrite=overwrite,
        )
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
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
