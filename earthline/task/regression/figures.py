"""The scatter plot of labels and predictions, with the bias by label beside it."""

import base64
import io

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from earthline import lettering
from earthline.formats.evaluations import Scores
from earthline.task.regression import errors
from earthline.task.regression.errors import ErrorDetails
from earthline.task.regression.values import Values

_BAR = "#17657d"


def scatter(scores: Scores, values: Values) -> bytes:
    """Draws where predictions lie by their label, and how far off they are.

    Args:
        scores: Of the model.
        values: The value, for the axes.

    Returns:
        A PNG.
    """
    details = ErrorDetails.of(scores)
    counts = np.array(details.scatter, float)
    low, high = details.ends
    axis = lettering.drawable(values.axis)
    metrics = {name: metric.value for name, metric in scores.metrics.items()}
    unit = f" {lettering.drawable(values.unit)}" if values.unit else ""
    heading = (
        f"RMSE {metrics[errors.RMSE]:.3g}{unit}, MAE {metrics[errors.MAE]:.3g}{unit}, "
        f"R\u00b2 {metrics[errors.R2]:.2f}, bias {metrics[errors.BIAS]:+.2g}{unit}"
    )
    with lettering.plain(axis, heading):
        figure = Figure(figsize=(10.5, 4.6), layout="constrained")
        figure.suptitle(heading, fontsize=11)
        plot, residuals = figure.subplots(1, 2)
        shown = np.ma.masked_equal(counts.T, 0)
        drawn = plot.imshow(
            shown,
            origin="lower",
            extent=(low, high, low, high),
            cmap="viridis",
            norm=LogNorm(1, max(2.0, counts.max())),
            interpolation="nearest",
        )
        # What no pixel reaches, on either axis, is left out.
        reached = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
        edges = np.linspace(low, high, len(counts) + 1)
        first, last = edges[reached[0]], edges[reached[-1] + 1]
        plot.set_xlim(first, last)
        plot.set_ylim(first, last)
        plot.plot((low, high), (low, high), color="#a8321f", linewidth=1, label="1:1")
        plot.legend(frameon=False, loc="upper left", fontsize=9)
        plot.set_xlabel(f"label: {axis}")
        plot.set_ylabel(f"map: {axis}")
        # The formatter of logarithms writes TeX, which is off here.
        figure.colorbar(drawn, ax=plot, label="test pixels", shrink=0.85, format="{x:,.0f}")
        there = [part for part in details.parts if part.bias is not None]
        middles = [(part.low + part.high) / 2 for part in there]
        residuals.axhline(0, color="#1d2830", linewidth=0.8)
        residuals.bar(middles, [part.bias or 0.0 for part in there], 0.85 * (high - low) / errors.PARTS, color=_BAR)
        for middle, part in zip(middles, there, strict=True):
            if part.bias_interval is not None:
                ends = (part.bias_interval.low, part.bias_interval.high)
                residuals.plot((middle, middle), ends, color="#1d2830", linewidth=1.2)
        residuals.set_xlim(there[0].low, there[-1].high)
        residuals.set_xlabel(f"label: {axis}")
        residuals.set_ylabel(f"map minus label{f' ({values.unit})' if values.unit else ''}")
        file = io.BytesIO()
        figure.savefig(file, dpi=120, format="png")
    return file.getvalue()


def uri(png: bytes) -> str:
    """A PNG as text that an HTML page holds."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
