"""The map as one PNG for slides and READMEs: with a legend, a title and its source."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from components.predict_map.mapping import Legend
from earthline.grid import Grid

WIDTH = 9.0
"""Inches."""
DPI = 150


def write(path: Path, picture: np.ndarray[Any, Any], grid: Grid, legend: Legend, title: str, source: str) -> None:
    """Draws the map.

    Args:
        path: PNG to write.
        picture: uint8 (height, width, 3).
        grid: Of the map; its coordinates go to the axes.
        legend: Of the classes.
        title: Above the map.
        source: Attribution, below it.
    """
    left, bottom, right, top = grid.bounds
    tall = WIDTH * 0.78 * (top - bottom) / (right - left)
    figure = Figure(figsize=(WIDTH, min(max(tall, 3.0), 3 * WIDTH) + 1.1), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(picture, extent=(left, right, bottom, top), interpolation="nearest")
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold")
    axes.ticklabel_format(useOffset=False, style="plain")
    axes.tick_params(labelsize=7.5, colors="#5c6b76")
    axes.locator_params(nbins=5)
    for spine in axes.spines.values():
        spine.set_color("#c4ced4")
    entries = [
        Patch(facecolor=color, edgecolor="#5c6b76", linewidth=0.4, label=name)
        for name, color in zip(legend.names, legend.colors, strict=True)
    ]
    axes.legend(handles=entries, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=10)
    figure.supxlabel(f"{grid.crs} · {source}" if source else grid.crs, fontsize=7.5, color="#5c6b76", wrap=True)
    figure.savefig(path, dpi=DPI, bbox_inches="tight", pad_inches=0.15)
