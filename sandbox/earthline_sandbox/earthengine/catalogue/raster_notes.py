"""Notes for the person who adds rasters: where Earth Engine's rules may surprise them."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from rasterio.enums import ColorInterp

from earthline_sandbox.earthengine.catalogue import pyramids
from earthline_sandbox.earthengine.catalogue.layers import open_raster
from earthline_sandbox.earthengine.pixels.grid import IDENTITY, crs_of
from earthline_sandbox.earthengine.records import BandRecord

# An integer band with no more different values than this in a thinned read may hold class ids.
_MOST_CLASSES = 32
_READ_SIDE = 512


def notes(paths: Sequence[Path], bands: Sequence[BandRecord], told: Collection[str]) -> list[str]:
    """Sentences, each of which names a band or a file.

    Args:
        paths: The rasters, whose bands follow each other.
        bands: What became of them, in the same order.
        told: Names of the bands whose pyramiding policy somebody chose.
    """
    found = []
    place = 0
    for path in paths:
        with open_raster(path) as source:
            for index in range(1, source.count + 1):
                band, place = bands[place], place + 1
                if band.name in told or not pyramids.count(band.shape) or np.dtype(band.data_type).kind not in "iu":
                    continue
                side = min(1.0, _READ_SIDE / max(source.shape))
                thinned = source.read(index, out_shape=tuple(max(1, int(side * edge)) for edge in source.shape))
                table = source.colorinterp[index - 1] == ColorInterp.palette
                values = len(np.unique(thinned))
                if table or values <= _MOST_CLASSES:
                    reason = "it has a colour table" if table else f"it has {values} different values"
                    found.append(
                        f"{band.name} may hold class ids ({reason}), and coarser scales read their mean, as by Earth "
                        f"Engine's default: --pyramiding {band.name}=MODE keeps the ids."
                    )
        first = bands[place - 1]
        if first.transform == IDENTITY:
            found.append(f"{path.name} does not say where it lies: its first pixel was put at 0, 0.")
        if crs_of(first.crs).is_geographic:
            edges = (first.transform[2], first.transform[2] + first.transform[0] * first.shape[1])
            if max(edges) > 180 + abs(first.transform[0]):
                found.append(
                    f"{path.name} has longitudes up to {max(edges):g}. Earth Engine's run from -180 to 180, so nothing "
                    "beyond is found; subtract 360 from its origin (gdal_edit.py -a_ullr), cut at 180 where needed."
                )
    return found
