"""Earth Engine's own measure of computing: how it is read from a profile, what others measured, and the tiers' months.

Earth Engine's profiler answers a request with the id of its profile, where the account may have one; the profile is a
table of operations with the EECU-seconds of each. https://developers.google.com/earth-engine/guides/computation_overview
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import ee

from earthline.config import Imagery
from pipelines.cost.figures import Basis, Figure

Answer = TypeVar("Answer")

TIERS = {"community": 150, "contributor": 1_000, "partner": 100_000}
"""EECU-hours a month of noncommercial projects, since 2026-04-27:
https://developers.google.com/earth-engine/guides/noncommercial_tiers."""
STORED = (0.95, 153.0)
"""EECU-seconds per million pixels of stored images, as others measured them. The least: SRTM, one band, 21,316 requests
of 512 x 512 pixels took 5,344 EECU-seconds (github.com/michaelfdewitt/datensee, case study of 2026-09-02). The most:
64 bands of embeddings, about 10 EECU-seconds for 256 x 256 pixels (github.com/Link-dev/chm-tool, its README)."""
COMPOSED = (0.95, 1_984.0)
"""The same of composites. The most: a year of Sentinel-1 and Sentinel-2 with masked clouds, 80 to 130 EECU-seconds for
256 x 256 pixels (github.com/Link-dev/chm-tool)."""
PUBLISHED = (
    "EECU-hours are a range that others measured: {low:g} to {high:g} EECU-seconds per million pixels, from {few} to "
    "{much} (github.com/michaelfdewitt/datensee, github.com/Link-dev/chm-tool)"
)
_HEADER = re.compile(r"^\s*EECU\S*\s")
_ROW = re.compile(r"^\s*(\d+(?:\.\d+)?|-)\s")


def profiled(call: Callable[[], Answer]) -> tuple[Answer, tuple[str, ...]]:
    """Makes a call with Earth Engine's profiler.

    Args:
        call: Makes its request in the thread that it is called in.

    Returns:
        Its answer, and the ids of the profiles that it left; none where Earth Engine gives none.
    """
    ids: list[str] = []
    with ee.data.profiling(ids.append):
        answer = call()
    return answer, tuple(ids)


def seconds(ids: Sequence[str]) -> float | None:
    """EECU-seconds of profiles together; None where there are none, or they cannot be read.

    Args:
        ids: Of `profiled`.

    Raises:
        ee.EEException: Earth Engine refuses.
    """
    if not ids:
        return None
    text: Any = ee.ApiFunction.lookup("Profile.getProfiles").call(ids=list(ids)).getInfo()
    return of_text(str(text))


def of_text(profile: str) -> float | None:
    """EECU-seconds of a profile: the sum of its first column; None where it has no such column.

    Args:
        profile: As `Profile.getProfiles` gives it.
    """
    lines = profile.splitlines()
    if not lines or not _HEADER.match(lines[0]):
        return None
    rows = [match[1] for line in lines[1:] if (match := _ROW.match(line))]
    return sum(float(value) for value in rows if value != "-") if rows else None


def published(imagery: Imagery, pixels: float) -> Figure:
    """EECU-hours of pixels as others measured them.

    Args:
        imagery: The section: what is composed costs more than what is stored.
        pixels: That Earth Engine computes.
    """
    stored = all(source.image is not None for source in imagery.all_sources)
    (low, high), much = (STORED, "64 stored bands") if stored else (COMPOSED, "a year's composite of two sensors")
    note = PUBLISHED.format(low=low, high=high, few="one stored band", much=much)
    return Figure(low * pixels / 3.6e9, high * pixels / 3.6e9, Basis.PUBLISHED, note)


def share_of_month(hours: Figure, tier: str) -> tuple[float, float | None]:
    """Least and largest share of a tier's month that EECU-hours take; None where there is no bound.

    Args:
        hours: EECU-hours.
        tier: One of `TIERS`.
    """
    month = TIERS[tier]
    return hours.low / month, None if hours.high is None else hours.high / month
