"""What requests cost here, measured on the first ones of a run. Pure."""

import math
from dataclasses import dataclass, field

import numpy as np

from components.export_examples.fetching.merging import DEFAULT, Costs

FEW = 16
"""Answers that are measured."""
SURE = 8.0
"""Factor by which measured costs must differ from the assumed ones to be believed, and the step in which they are: by
less, latencies differ by chance, and so would the number of requests from what a plan said."""


@dataclass
class Meter:
    """Seconds of answers, until there are enough.

    Attributes:
        pixels: Of each answer.
        seconds: Of each answer.
    """

    pixels: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, pixels: int, seconds: float) -> None:
        """Takes note of an answer."""
        if len(self.pixels) < FEW:
            self.pixels.append(pixels)
            self.seconds.append(seconds)

    @property
    def costs(self) -> Costs | None:
        """What requests cost; None as long as too few are known."""
        return measured(self.pixels, self.seconds) if len(self.pixels) == FEW else None


def measured(pixels: list[int], seconds: list[float]) -> Costs:
    """Costs that fit answers: `DEFAULT` where they do not clearly differ from it, or sizes are too much alike to tell.

    The line through all pairs' median slope is taken (Theil and Sen), which single stalls do not bend.

    Args:
        pixels: Of each answer.
        seconds: Of each answer.
    """
    size, took = np.array(pixels, float) * 1e-6, np.array(seconds)
    one, two = np.triu_indices(len(size), 1)
    apart = np.abs(size[one] - size[two])
    # Windows of about one size say what they take together, and not how much of it is for their pixels.
    telling = apart > 0.5 * max(float(size.max(initial=0)), 1e-9)
    if telling.sum() < len(size):
        return DEFAULT
    slope = float(np.median((took[one] - took[two])[telling] / (size[one] - size[two])[telling]))
    least = 1e-3
    megapixel = max(slope, least)
    request = max(float(np.median(took - megapixel * size)), least)
    ratio = _step(request / megapixel / (DEFAULT.request / DEFAULT.megapixel))
    scale = _step(request / DEFAULT.request)
    return Costs(DEFAULT.request * scale, DEFAULT.megapixel * scale / ratio)


def _step(factor: float) -> float:
    """1, or the power of `SURE` that lies between a factor and 1, nearest to the factor."""
    return float(SURE ** math.trunc(math.log(factor, SURE)))
