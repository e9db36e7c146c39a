"""The confusion matrix as a picture."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from earthline import lettering
from earthline.task.classification.accuracy import ClassDetails

MOST_SHARES = 25
"""Most classes whose shares are written into their cells; more would not be legible."""
LONGEST_SIDE = 24.0
"""Inches: with 255 classes the cells shrink, the picture does not grow."""
_NAME_WIDTH = 20


def confusion(details: ClassDetails, overall: float, path: Path) -> None:
    """Draws a confusion matrix, each row in percent of its label's pixels.

    Args:
        details: Of the model.
        overall: Its overall accuracy, 0 to 1.
        path: PNG to write.
    """
    counts = np.array(details.confusion, float)
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    count = len(details.classes)
    names = lettering.labels([each.name for each in details.classes], _NAME_WIDTH, "class")
    side = min(2.2 + 0.75 * count, LONGEST_SIDE)
    size = min(10.0, 72 * (side - 2.2) / count * 0.7)
    with lettering.plain(*names):
        figure = Figure(figsize=(side + 0.6, side), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
        axes.set_xticks(range(count), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
        axes.set_yticks(range(count), names, fontsize=size)
        axes.set_xlabel("predicted")
        axes.set_ylabel("label")
        axes.set_title(f"overall accuracy {overall:.3f}", fontsize=11)
        if count <= MOST_SHARES:
            for (row, column), value in np.ndenumerate(percent):
                colour = "white" if value > 55 else "black"
                axes.text(column, row, f"{value:.0f} %", ha="center", va="center", fontsize=size * 0.9, color=colour)
        figure.savefig(path, dpi=130)
