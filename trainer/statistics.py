"""Per-band statistics of the training patches, in one pass."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Statistics:
    """What normalization needs.

    Attributes:
        mean: Mean of each band over valid pixels, in the imagery's units.
        std: Standard deviation of each band, in the same units; 1 where the band is constant.
        pixels: Number of valid pixels.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    pixels: int


def of_patches(batches: Iterable[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]) -> Statistics:
    """Statistics of all valid pixels.

    Args:
        batches: Pairs of images (patches, height, width, bands) and masks (patches, height, width[, 1]), true where
            the image is valid.

    Raises:
        ValueError: No pixel is valid, or a value is not finite.
    """
    count, total, squares = 0, np.float64(0), np.float64(0)
    origin: np.ndarray[Any, Any] | None = None
    for image, valid in batches:
        values = image.reshape(-1, image.shape[-1])[valid.reshape(-1).astype(bool)].astype(np.float64)
        if len(values) == 0:
            continue
        # Sums of squares around a value of the data itself do not cancel where the mean is far from 0.
        origin = values.mean(axis=0) if origin is None else origin
        values -= origin
        count += len(values)
        total = total + values.sum(axis=0)
        squares = squares + (values**2).sum(axis=0)
    if count == 0 or origin is None:
        raise ValueError("every training pixel is masked; check the imagery's dates, cloud mask and region")
    mean = origin + total / count
    std = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0))
    if not np.isfinite(mean).all() or not np.isfinite(std).all():
        raise ValueError("training pixels hold NaN or infinity; mask them in the source")
    # A constant band carries nothing; dividing by 1 keeps it at 0.
    std = np.where(std < 1e-6, 1.0, std)
    return Statistics(tuple(mean.tolist()), tuple(std.tolist()), count)
