"""How a step is computed, and which way is fastest on the machine at hand.

Which one is differs: XLA was 1.34 times TensorFlow's graph on one processor and 0.73 times on another; half precision
is far faster where the machine has instructions for it, and nine times slower where it has not.
"""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from earthline.config import Train
from trainer import distribution

WORTH_SECONDS = 600
"""Shortest rest of a run, in seconds, for which other ways are tried: each takes about half a minute to prepare."""
CALL_SECONDS = 0.25
"""A call of the step lasts about this long, so that the way into TensorFlow and back is of no account."""
GAIN = 1.05
"""How much faster another way must be."""
MOST_CALLS = 64


class Speed(BaseModel):
    """A way to compute a step. It is part of the checkpoint: a resumed run computes as before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    xla: bool = Field(default=False, description="Compiled by XLA.")
    half: bool = Field(default=False, description="In bfloat16, with weights in float32.")
    calls: int = Field(default=1, ge=1, le=MOST_CALLS, description="Steps of one call.")

    @property
    def told(self) -> str:
        """In words, as in `train.speed`."""
        return {(False, False): "plain", (True, False): "xla", (False, True): "bfloat16", (True, True): "xla_bfloat16"}[
            self.xla, self.half
        ]


def asked(train: Train) -> Speed:
    """The way that the config asks for; the plain one for `auto`."""
    return Speed(xla=train.speed.startswith("xla"), half=train.speed.endswith("bfloat16"))


def choose(
    train: Train, used: Speed, seconds: float, remaining: int, devices: int, measure: Callable[[Speed], float]
) -> Speed:
    """The way for the rest of a run; what is measured and chosen is logged.

    Args:
        train: Section `train` of the config.
        used: How the first steps were computed.
        seconds: That a step took so.
        remaining: Steps of the run that are left, if it does not stop early.
        devices: That train together.
        measure: Seconds of a step computed in another way; infinite where that way fails.
    """
    best, fastest = used, seconds
    if train.speed == "auto" and seconds * remaining >= WORTH_SECONDS:
        ways = [Speed(half=True)]
        if devices == 1:  # compiled code cannot wait for other devices
            ways += [Speed(xla=True), Speed(xla=True, half=True)]
        measured = {used: seconds, **{way: measure(way) for way in ways}}
        best = min(measured, key=lambda way: measured[way] * (1 if way == used else GAIN))
        fastest = measured[best]
        told = ", ".join(f"{way.told} {taken * 1000:.0f} ms" for way, taken in measured.items())
        distribution.say(f"a step takes: {told}; the run goes on with train.speed {best.told}")
    calls = max(1, min(MOST_CALLS, round(CALL_SECONDS / max(fastest, 1e-6))))
    return best.model_copy(update={"calls": calls})
