"""Pictures of an evaluation."""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from components.evaluate_model.accuracy import Accuracy

CONFUSION = "confusion.png"
CURVES = "learning_curves.png"


def confusion(accuracy: Accuracy, path: Path) -> None:
    """Draws a confusion matrix, each row in percent of its label's pixels.

    Args:
        accuracy: Figures of the model.
        path: PNG to write.
    """
    counts = np.array(accuracy.confusion, float)
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [each.name for each in accuracy.classes]
    side = 1.8 + 0.7 * len(names)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    axes.set_title(f"overall accuracy {accuracy.overall:.3f}", fontsize=11)
    for row, values in enumerate(percent):
        for column, value in enumerate(values):
            axes.text(
                column,
                row,
                f"{value:.0f} %",
                ha="center",
                va="center",
                fontsize=9,
                color="white" if value > 55 else "black",
            )
    figure.savefig(path, dpi=130)


def learning_curves(history: Path, path: Path) -> None:
    """Draws loss and accuracy by epoch.

    Args:
        history: The trainer's `history.json`.
        path: PNG to write.
    """
    content = json.loads(history.read_text())
    epochs = [each["epoch"] for each in content["epochs"]]
    figure = Figure(figsize=(8, 3), layout="constrained")
    for place, (title, keys) in enumerate(
        {"loss": ("loss", "val_loss"), "accuracy": ("accuracy", "val_accuracy")}.items(), start=1
    ):
        axes = figure.add_subplot(1, 2, place)
        for key, name in zip(keys, ("training", "validation"), strict=True):
            axes.plot(epochs, [each["figures"][key] for each in content["epochs"]], label=name)
        axes.axvline(content["best_epoch"], color="grey", linestyle=":", linewidth=1)
        axes.set_xlabel("epoch")
        axes.set_title(title, fontsize=11)
        axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)
