"""Probe requests: a handful of those that the export will make, to learn what each takes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from earthline.earth_engine.pixels import fetch
from earthline.earth_engine.retry import BatchOnlyError, PixelsError, TooHeavyError
from earthline.grid import Grid
from pipelines.cost import eecu

_ATTEMPTS = 3


@dataclass(frozen=True)
class Probe:
    """One request, as it was answered.

    Attributes:
        pixels: Number of pixels.
        seconds: From request to answer, with nothing else under way.
        bytes_per_pixel: Of all bands together.
        eecu_seconds: Of Earth Engine; None where it gave no profile.
    """

    pixels: int
    seconds: float
    bytes_per_pixel: int
    eecu_seconds: float | None


def probe(image: Any, windows: Sequence[Grid], *, skip: bool = False) -> tuple[Probe, ...]:
    """Makes requests one after another.

    Args:
        image: The `ee.Image` that is computed.
        windows: What is asked for.
        skip: Whether a window that no request gives is left out, as long as there are others.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    found: list[Probe] = []
    refused: PixelsError | None = None
    for window in windows:
        begun = time.monotonic()
        try:
            pixels, ids = eecu.profiled(partial(fetch, image, window, _ATTEMPTS, "probe request"))
        except (BatchOnlyError, TooHeavyError) as error:
            if not skip:
                raise
            refused = error
            continue
        seconds = time.monotonic() - begun
        found.append(Probe(pixels.size, seconds, pixels.dtype.itemsize, eecu.seconds(ids)))
    if refused is not None and not found:
        raise refused
    return tuple(found)


def line(probes: Sequence[Probe]) -> tuple[float, float]:
    """Seconds of a request whatever it asks for, and of a million pixels; neither is below nothing.

    Args:
        probes: At least one; where all are of one size, their time is that of any request.
    """
    sizes = np.array([each.pixels for each in probes]) / 1e6
    seconds = np.array([each.seconds for each in probes])
    if np.ptp(sizes) <= 0.1 * sizes.max():
        return 0.0, float(seconds.mean() / sizes.mean())
    rate = max(0.0, float(np.polyfit(sizes, seconds, 1)[0]))
    begin = max(0.0, float(seconds.mean() - rate * sizes.mean()))
    return begin, float(seconds.mean() - begin) / float(sizes.mean())
