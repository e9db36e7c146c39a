"""The reliability diagram: what the model is sure of against what is right."""

from pathlib import Path

from matplotlib.figure import Figure

from earthline.formats.evaluations import Calibration

RELIABILITY = "reliability.png"


def reliability(found: Calibration, path: Path) -> None:
    """Draws it, with the number of pixels in each bin below.

    Args:
        found: Of the model.
        path: PNG to write.
    """
    bins = [each for each in found.bins if each.pixels]
    figure = Figure(figsize=(5, 5.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    above.plot((0, 1), (0, 1), color="#9aa7b0", linestyle="--", label="as sure as it is right")
    above.plot(
        [each.certainty for each in bins],
        [each.right for each in bins],
        color="#17657d",
        marker="o",
        label="model",
    )
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that is right")
    above.set_title(f"expected calibration error {found.error.value:.3f}", fontsize=11)
    above.legend(loc="upper left", frameon=False)
    middles = [(each.low + each.high) / 2 for each in bins]
    below.bar(middles, [each.pixels for each in bins], width=0.09, color="#17657d")
    below.set(xlabel="certainty of the model", ylabel="test pixels")
    figure.savefig(path, dpi=130)
