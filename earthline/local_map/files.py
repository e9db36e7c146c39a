"""Files of images and how they lie to each other: one, parts side by side, or bands in several files."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rasterio
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

from earthline.grid import Grid
from earthline.local_map.bands import BandError, Matching, matched

_SAME = 1e-6
"""Share of a pixel's size by which those of two files may differ; more adds up over a large image."""
_PACKED = {".zip": "vsizip", ".tar": "vsitar", ".tgz": "vsitar", ".tar.gz": "vsitar"}
"""How GDAL names files in archives: https://gdal.org/en/stable/user/virtual_file_systems.html."""
_OFF = 0.01
"""Pixels by which parts may be shifted against each other."""


class ImageError(ValueError):
    """Images that cannot be mapped; the text says why, and what to do."""


@dataclass(frozen=True)
class Part:
    """A file, and where it lies.

    Attributes:
        file: Open dataset.
        row: Of its first pixel on the grid of all.
        column: Likewise.
        bands: Its band numbers, from 1, by place among the model's bands.
    """

    file: Any
    row: int
    column: int
    bands: Mapping[int, int]


def opened(path: str) -> Any:
    """An open dataset.

    Raises:
        ImageError: It is no image.
    """
    try:
        with warnings.catch_warnings():
            # `require_usable` says so, and what to do.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(path, sharing=False)
    except RasterioIOError as error:
        kind = next((kind for ending, kind in _PACKED.items() if path.lower().endswith(ending)), "")
        advice = f"; unpack it, or name the file in it: /{kind}/{path}/NAME" if kind else ""
        raise ImageError(f"{path} cannot be opened as an image: {said(error)}{advice}") from error


def said(error: Exception) -> str:
    """What GDAL said of a failure; rasterio keeps it beside a text of its own that says nothing.

    Args:
        error: That rasterio raised.
    """
    return " ".join(str(error.__cause__ or error).split())


def require_usable(path: str, file: Any) -> None:
    """Checks that a model can be asked about a file.

    Raises:
        ImageError: It holds no bands, or complex numbers, or nobody knows where it lies.
    """
    if not file.count:
        parts = ", ".join(file.subdatasets[:8]) or "none"
        raise ImageError(f"{path} holds no bands itself; name one of its parts, or several: {parts}")
    complex_ones = sorted({kind for kind in file.dtypes if "complex" in kind})
    if complex_ones:
        raise ImageError(f"{path} holds {complex_ones[0]}: a model takes plain numbers; give amplitude or phase")
    if file.crs is None or file.transform.is_identity:
        what = "no coordinate reference system" if file.crs is None else "no georeference"
        raise ImageError(
            f"{path} has {what}, so that nobody knows where it lies and how large its pixels are; give it one: "
            "`gdal_translate -a_srs EPSG:CODE -a_ullr LEFT TOP RIGHT BOTTOM`, or `gdalwarp` for points or RPCs"
        )
    grid = _grid(file)
    try:
        Transformer.from_crs(grid.pyproj_crs, "EPSG:4326")
    except ProjError as error:
        raise ImageError(
            f"{path} lies in {grid.crs_name}, which has no place on the Earth; give it the CRS that it was made in: "
            "`gdal_translate -a_srs EPSG:CODE`"
        ) from error


def _numbers(file: Any) -> list[int]:
    """The bands that are imagery: an alpha band is a mask."""
    return [number for number in range(1, file.count + 1) if number not in alphas(file)]


def alphas(file: Any) -> list[int]:
    """Numbers of the bands that are masks."""
    return [number for number, kind in enumerate(file.colorinterp, start=1) if kind == ColorInterp.alpha]


def _names(file: Any) -> list[str]:
    return [file.descriptions[number - 1] or "" for number in _numbers(file)]


def _grid(file: Any) -> Grid:
    code = file.crs.to_authority(confidence_threshold=100)
    a, b, c, d, e, f = tuple(file.transform)[:6]
    return Grid(":".join(code) if code else file.crs.to_wkt(), (a, b, c, d, e, f), (file.height, file.width))


def arranged(
    paths: Sequence[str], files: Sequence[Any], bands: Sequence[str], said: Mapping[str, str]
) -> tuple[tuple[Part, ...], Grid, Matching]:
    """Parts, the grid of all, and what was found of bands.

    Args:
        paths: Names of the files.
        files: They, opened.
        bands: Those that the model takes, in its order.
        said: Names in the files by those of the model, where the user said so.

    Raises:
        ImageError: They do not lie on one grid.
        BandError: A band is in none of them.
    """
    grids = [_grid(file) for file in files]
    if len(files) > 1 and len({(grid.crs, grid.transform, grid.shape) for grid in grids}) == 1:
        try:
            # Each may have all bands all the same, such as one file with holes that another one fills.
            return _mosaic(paths, files, grids, bands, said)
        except BandError:
            return _stacked(paths, files, grids[0], bands, said)
    return _mosaic(paths, files, grids, bands, said)


def _stacked(
    paths: Sequence[str], files: Sequence[Any], grid: Grid, bands: Sequence[str], said: Mapping[str, str]
) -> tuple[tuple[Part, ...], Grid, Matching]:
    every = [(place, number) for place, file in enumerate(files) for number in _numbers(file)]
    names = [name for file in files for name in _names(file)]
    matching = matched(names, bands, said, f"the {len(paths)} images together")
    parts = []
    for which, file in enumerate(files):
        mine = {place: every[found][1] for place, found in enumerate(matching.places) if every[found][0] == which}
        if mine:
            parts.append(Part(file, 0, 0, mine))
    return tuple(parts), grid, matching


def _mosaic(
    paths: Sequence[str], files: Sequence[Any], grids: Sequence[Grid], bands: Sequence[str], said: Mapping[str, str]
) -> tuple[tuple[Part, ...], Grid, Matching]:
    first = grids[0]
    matchings, corners = [], []
    for path, file, grid in zip(paths, files, grids, strict=True):
        matchings.append(matched(_names(file), bands, said, path))
        corners.append(_corner(path, grid, paths[0], first))
    top, left = (min(each) for each in zip(*corners, strict=True))
    bottom = max(row + grid.shape[0] for (row, _), grid in zip(corners, grids, strict=True))
    right = max(column + grid.shape[1] for (_, column), grid in zip(corners, grids, strict=True))
    parts = tuple(
        Part(file, row - top, column - left, {place: _numbers(file)[found] for place, found in enumerate(each.places)})
        for file, (row, column), each in zip(files, corners, matchings, strict=True)
    )
    return parts, first.window(top, left, (bottom - top, right - left)), matchings[0]


def _corner(path: str, grid: Grid, of: str, first: Grid) -> tuple[int, int]:
    """(row, column) of a file's first pixel in the pixels of the first file."""
    problem = ""
    column, row = ~first.affine @ (grid.transform[2], grid.transform[5])
    sizes = [(grid.transform[place], first.transform[place]) for place in (0, 1, 3, 4)]
    largest = max(abs(size) for size in first.transform[:2] + first.transform[3:5])
    if not grid.pyproj_crs.equals(first.pyproj_crs, ignore_axis_order=True):
        problem = f"lies in {grid.crs_name}, {of} in {first.crs_name}"
    elif any(abs(one - other) > _SAME * largest for one, other in sizes):
        problem = f"has other pixels than {of}"
    elif max(abs(row - round(row)), abs(column - round(column))) > _OFF:
        problem = f"is shifted by a part of a pixel against {of}"
    if problem:
        raise ImageError(
            f"{path} {problem}; bring all images to one grid, such as by `gdalwarp -t_srs … -tr … -tap`, or map them "
            "one by one"
        )
    return round(row), round(column)
