"""The map as one PNG for slides and READMEs: north up, with a legend, a title and its source."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from earthline import lettering
from earthline.grid import Grid
from earthline.reports import pictures
from earthline.task import Legend, Task

WIDTH = 9.0
"""Inches."""
DPI = 150
MOST_ENTRIES = 40
"""Most entries of a legend; the report names them all."""
_NAME_WIDTH = 32
_CAPTION_WIDTH = 150
_TITLE_WIDTH = 80
_LINE = 0.24
"""Inches of a line of the legend."""
_LATITUDE = 80.0
"""Degrees; nearer to a pole a degree of longitude is shown as wide as here."""


def write(path: Path, picture: np.ndarray[Any, Any], grid: Grid, task: Task, title: str, source: str) -> None:
    """Draws the map.

    Args:
        path: PNG to write.
        picture: uint8 (height, width, 3), of the whole grid, in the order of its rows and columns.
        grid: Of the map; its coordinates go to the axes.
        task: What the map tells.
        title: Above the map.
        source: Attribution, below it.
    """
    shown, (left, bottom, right, top) = pictures.north_up(picture, grid)
    # A degree of longitude is shorter than one of latitude.
    middle = min(abs(bottom + top) / 2, _LATITUDE)
    stretch = 1 / math.cos(math.radians(middle)) if grid.pyproj_crs.is_geographic else 1.0
    tall = WIDTH * 0.78 * stretch * (top - bottom) / (right - left)
    legend = task.legend
    names = lettering.labels(legend.names, _NAME_WIDTH, legend.word)[:MOST_ENTRIES]
    ramp = lettering.drawable(legend.ramp)
    name = lettering.drawable(grid.crs_name)
    caption = f"{name} · {lettering.drawable(source)}" if source else name
    heading = lettering.drawable(title)
    with lettering.plain(heading, caption, ramp, *names):
        # A long legend needs room whatever the map's shape.
        least = max(3.0, _LINE * sum(label.count("\n") + 1 for label in (*names, "")))
        figure = Figure(figsize=(WIDTH, min(max(tall, least), 3 * WIDTH) + 1.1), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(shown, extent=(left, right, bottom, top), interpolation="nearest", aspect=stretch)
        axes.set_title(textwrap.fill(heading, _TITLE_WIDTH), loc="left", fontsize=13, fontweight="bold")
        axes.ticklabel_format(useOffset=False, style="plain")
        axes.tick_params(labelsize=7.5, colors="#5c6b76")
        axes.locator_params(nbins=5)
        for spine in axes.spines.values():
            spine.set_color("#c4ced4")
        if legend.ramp:
            _ramp(figure, axes, legend)
        else:
            _entries(axes, legend, names)
        figure.supxlabel(textwrap.fill(caption, _CAPTION_WIDTH), fontsize=7.5, color="#5c6b76")
        figure.savefig(path, dpi=DPI, bbox_inches="tight", pad_inches=0.15)


def _entries(axes: Any, legend: Legend, names: Sequence[str]) -> None:
    """A legend with a patch for each colour."""
    entries = [
        Patch(facecolor=color, edgecolor="#5c6b76", linewidth=0.4, label=label)
        for label, color in zip(names, legend.colors, strict=False)
    ]
    more = len(legend.names) - len(names)
    if more:
        entries.append(Patch(facecolor="none", edgecolor="none", label=f"and {more} more: see the report"))
    axes.legend(handles=entries, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=10)


def _ramp(figure: Figure, axes: Any, legend: Legend) -> None:
    """A bar in which colours run into each other, with values along it."""
    colors = ScalarMappable(Normalize(0, 1), LinearSegmentedColormap.from_list("ramp", legend.colors))
    bar = figure.colorbar(colors, ax=axes, shrink=0.7, aspect=22, pad=0.02)
    bar.set_ticks([place / (len(legend.names) - 1) for place in range(len(legend.names))], labels=legend.names)
    bar.set_label(lettering.drawable(legend.ramp), fontsize=10)
    bar.ax.tick_params(labelsize=9)
    bar.outline.set_edgecolor("#c4ced4")
