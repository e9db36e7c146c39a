"""The learning curves as a picture."""

import json
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator


def learning_curves(history: Path, path: Path, watched: Mapping[str, str]) -> None:
    """Draws the loss and the first watched metric by epoch.

    Args:
        history: The trainer's `history.json`.
        path: PNG to write.
        watched: The metrics of the task's head: the words by Keras' name.
    """
    content = json.loads(history.read_text())
    epochs = [each["epoch"] for each in content["epochs"]]
    # What learns in one pass has one epoch, of which a line shows nothing.
    marker = "o" if len(epochs) == 1 else None
    figure = Figure(figsize=(8, 3), layout="constrained")
    for place, (key, title) in enumerate((("loss", "loss"), *list(watched.items())[:1]), start=1):
        axes = figure.add_subplot(1, 2, place)
        for name, measured in (("training", key), ("validation", f"val_{key}")):
            axes.plot(epochs, [each["metrics"][measured] for each in content["epochs"]], label=name, marker=marker)
        axes.axvline(content["best_epoch"], color="grey", linestyle=":", linewidth=1)
        axes.set_xlabel("epoch")
        # There are no halves of epochs.
        axes.xaxis.set_major_locator(FixedLocator(epochs) if len(epochs) == 1 else MaxNLocator(integer=True))
        axes.set_title(title, fontsize=11)
        axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)
