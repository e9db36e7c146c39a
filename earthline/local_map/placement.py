"""How an image lies on the pixels that a model learned from: where its tiles begin, and whether its scale is right."""

import cmath
import math
from dataclasses import dataclass, field

from earthline.formats.served.contract import Contract
from earthline.grid import Grid, ground

FINE, LIMIT = 1.02, 1.2
"""Ratio of an image's pixel to the model's up to which nothing is said, and up to which it is mapped."""
_SHIFTED = 0.01
"""Pixels."""
_TURNED = 10.0
"""Degrees from which on an image is said to be turned: neighbouring UTM zones are by a few."""


class ScaleError(ValueError):
    """Pixels of another size than the model learned from; the text says what to do."""


@dataclass(frozen=True)
class Placement:
    """Where an image lies.

    Attributes:
        row: Of its first pixel on the lattice of tiles, which begins at (0, 0).
        column: Likewise.
        on_grid: True where its pixels are the model's own, so that Earth Engine gives the same map of them.
        notes: What a user should know, in sentences.
    """

    row: int = 0
    column: int = 0
    on_grid: bool = False
    notes: tuple[str, ...] = field(default=())


def placed(grid: Grid, contract: Contract, *, any_scale: bool) -> Placement:
    """Places an image.

    Earth Engine predicts on the pixels of the training grid, in tiles that begin at that grid's origin. An image on
    these pixels is cut at the same places here. Any other image is taken as it is, in tiles from its first pixel on.

    Args:
        grid: Of the image.
        contract: Of the model.
        any_scale: Whether pixels of another size are mapped all the same.

    Raises:
        ScaleError: They are of another size.
        GridError: PROJ does not know a CRS.
    """
    if contract.learned_ground is None:
        return Placement(notes=("the model does not tell on which pixels it learned: see that theirs are as large",))
    own = Grid.from_json(contract.learned_ground.grid)
    same_crs = grid.pyproj_crs.equals(own.pyproj_crs, ignore_axis_order=True)
    if same_crs and _same_pixels(grid, own):
        column, row = ~own.affine @ (grid.transform[2], grid.transform[5])
        shift = max(abs(row - round(row)), abs(column - round(column)))
        shifted: tuple[str, ...] = ()
        if shift > _SHIFTED:
            shifted = (
                f"the image's pixels are shifted by {shift:.2f} of a pixel against those that the model learned from; "
                "Earth Engine would move them there",
            )
        return Placement(round(row), round(column), not shifted, shifted)
    notes: tuple[str, ...] = (_scale(grid, own, any_scale=any_scale), _direction(grid, own))
    if not same_crs:
        notes += (
            f"the image lies in {grid.crs_name}, the model learned in {own.crs_name}: it is mapped as it is, where "
            "Earth Engine would resample it",
        )
    return Placement(notes=tuple(note for note in notes if note))


def _same_pixels(grid: Grid, own: Grid) -> bool:
    """True where pixels have the same size and direction, to less than half a pixel over the whole image."""
    unit = max(abs(size) for size in own.transform[:2] + own.transform[3:5])
    differences = (abs(grid.transform[place] - own.transform[place]) for place in (0, 1, 3, 4))
    return max(differences) * max(grid.shape) < unit / 2


def _scale(grid: Grid, own: Grid, *, any_scale: bool) -> str:
    mine, learned = ground.sides(grid), ground.sides(own)
    ratio = max(max(one / other, other / one) for one, other in zip(mine, learned, strict=True))
    if not math.isfinite(ratio) or ratio <= FINE:
        return ""
    told = f"the image's pixels are {_metres(mine)} on the ground, the model learned from {_metres(learned)}"
    if ratio > LIMIT and not any_scale:
        raise ScaleError(
            f"{told}: what a network learned of shapes holds at one scale only. Resample the image, such as by "
            f"`gdalwarp -t_srs {own.crs if len(own.crs) < 20 else 'CRS'} -tr {abs(own.transform[0]):g} "
            f"{abs(own.transform[4]):g} -r average`, or map it all the same with --any-scale"
        )
    return told


def _direction(grid: Grid, own: Grid) -> str:
    """What is said of rows and columns that run otherwise than the model's; empty where they do not."""
    mine, learned = (_steps(each) for each in (grid, own))
    mirrored = (mine[0] / mine[1]).imag * (learned[0] / learned[1]).imag < 0
    # A mirrored image that is turned by half as well is one whose rows run the other way.
    turned = abs(math.degrees(cmath.phase(mine[0] / learned[0])))
    if not mirrored and turned <= _TURNED:
        return ""
    told = "mirrored" if mirrored else f"turned by {turned:.0f} degrees"
    return (
        f"the image is {told} against the pixels that the model learned from, by the way its rows and columns run: it "
        "is mapped as it is, where a network may take its shapes for others; `gdalwarp` writes it north up"
    )


def _steps(grid: Grid) -> tuple[complex, complex]:
    """From a pixel to the next of its row, and of its column."""
    a, b, _, d, e, _ = grid.transform
    return complex(a, d), complex(b, e)


def _metres(sides: tuple[float, float]) -> str:
    return " x ".join(f"{side:.4g} m" for side in sides)
