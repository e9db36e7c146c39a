"""Whether a task's patch is what a request gives for the same pixels: one pixel off would be wrong in silence."""

import logging

import numpy as np

from components.export_examples.batch.recipe import Array, Corner
from components.export_examples.fetching import windows
from components.export_examples.job import Job
from earthline.earth_engine.retry import PixelsError

LEAST_EQUAL = 0.99
"""Share of a patch's values that a task and a request must give alike; fractions may differ in their last digit."""
_ATTEMPTS = 2
_logger = logging.getLogger(__name__)


def objection(job: Job, corner: Corner, pixels: Array) -> str:
    """What is wrong with a patch of a task; empty where nothing is, or where no request gives it.

    Args:
        job: What is exported.
        corner: Its first pixel.
        pixels: As `Recipe.pixels` gives them.
    """
    image = windows.request_image(job.data, job.grid)
    try:
        same = windows.fetch_patch(image, job.data, job.grid, *corner, job.export.patch_shape, _ATTEMPTS)
    except PixelsError as error:
        _logger.warning("export_examples: the tasks' patches are not compared with a request's: %s", error)
        return ""
    equal = np.mean([np.isclose(pixels[name], same[name], rtol=1e-5, atol=0) for name in pixels.dtype.names or ()])
    if equal >= LEAST_EQUAL:
        return ""
    return (
        f"the patch at row {corner[0]}, column {corner[1]} is not what a request for the same pixels gives: "
        f"{100 * (1 - equal):.0f} % of its values differ; use export.method: pixels, and report it"
    )
