"""How examples differ from those of the last accepted run: band by band, within each class, and between classes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.validate_examples.findings import Findings
from components.validate_examples.statistics.sketches import Sketch, Sketches
from earthline import drift
from earthline.drift import MAJOR_PSI, Shift

LEAST_VALUES = 1000
"""With fewer values in either run ten bins differ by chance alone."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Distribution(_Record):
    """How values are distributed, in about ten bins."""

    edges: tuple[float, ...] = Field(description="Upper ends of all bins but the last, increasing.")
    shares: tuple[float, ...] = Field(description="Share of the values in each bin.")
    values: int = Field(ge=0, description="How many there are.")

    @classmethod
    def of(cls, sketch: Sketch) -> "Distribution":
        """That of a sketch: as many values in each bin, as far as they can be told apart."""
        if not sketch.total:
            return cls(edges=(), shares=(1.0,), values=0)
        edges = np.unique(sketch.quantiles(np.array(drift.DECILES)))
        counts = sketch.counts_between(edges)
        return cls(edges=tuple(edges.tolist()), shares=tuple((counts / counts.sum()).tolist()), values=sketch.total)


class Distributions(_Record):
    """What later runs compare themselves with, as part of `statistics.json`; over all splits."""

    bands: dict[str, Distribution] = Field(description="By band.")
    within: dict[str, dict[str, Distribution]] = Field(description="By stratum of the labels, then by band.")
    strata: dict[str, float] = Field(description="Share of each stratum in the labelled ground.")

    @classmethod
    def of(
        cls, sketches: Sketches, bands: Sequence[str], names: Sequence[str], strata: Mapping[str, float]
    ) -> "Distributions":
        """Those of examples.

        Args:
            sketches: Of all splits.
            bands: Their names.
            names: Of the strata.
            strata: Share of each stratum in the labelled ground.
        """
        return cls(
            bands={band: Distribution.of(sketches.band(index)) for index, band in enumerate(bands)},
            within={
                name: {band: Distribution.of(sketches.of_strata[stratum][index]) for index, band in enumerate(bands)}
                for stratum, name in enumerate(names)
                if stratum in sketches.of_strata
            },
            strata=dict(strata),
        )


class Moved(_Record):
    """How far one distribution moved."""

    what: str = Field(description="Band, or what the classes are called.")
    within: str = Field(default="", description="Stratum of the labels; empty for all pixels.")
    psi: float = Field(description="Population stability index.")
    jensen_shannon: float = Field(description="Jensen-Shannon divergence in bits, 0 to 1.")
    shift: Shift = Field(description="`none`, `moderate` or `major`, by the index.")


def read(content: bytes) -> Distributions | None:
    """The distributions in the `statistics.json` of another run; None where it has none that this version knows.

    Args:
        content: Of the file.
    """
    try:
        return Distributions.model_validate(json.loads(content)["distributions"])
    except (KeyError, TypeError, ValueError, ValidationError):
        return None


def compare(
    sketches: Sketches,
    bands: Sequence[str],
    names: Sequence[str],
    strata: Mapping[str, float],
    before: Distributions,
    word: str,
) -> list[Moved]:
    """How far each distribution moved; what only one of the two runs has is left out.

    Args:
        sketches: Of all splits.
        bands: Their names.
        names: Of the strata.
        strata: Share of each stratum in the labelled ground.
        before: Of the run to compare with.
        word: What a stratum is.
    """
    moved = []
    for index, band in enumerate(bands):
        if band in before.bands:
            moved += _moved(band, "", sketches.band(index), before.bands[band])
    common = [name for name in strata if name in before.strata]
    if len(common) > 1 and sum(before.strata[name] for name in common) > 0 and sum(strata.values()) > 0:
        pair = (np.array([shares[name] for name in common]) for shares in (strata, before.strata))
        moved.append(_record(f"{word} shares", "", *pair))
    for stratum, name in enumerate(names):
        for index, band in enumerate(bands):
            known = before.within.get(name, {}).get(band)
            if known is not None and stratum in sketches.of_strata:
                moved += _moved(band, name, sketches.of_strata[stratum][index], known)
    return moved


def check(moved: Sequence[Moved], findings: Findings) -> None:
    """Notes what moved much, over all pixels.

    Args:
        moved: What `compare` found.
        findings: Where they are noted.
    """
    for each in moved:
        if each.shift == "major" and not each.within:
            findings.warning(
                "drift",
                f"{each.what} drifted since the last accepted run: the population stability index is {each.psi:.2f} "
                f"({MAJOR_PSI} or more is a major shift); if imagery and places were not changed on purpose, look at "
                "dates, masks and units",
                band="" if each.what.endswith("shares") else each.what,
            )


def _moved(band: str, within: str, now: Sketch, before: Distribution) -> list[Moved]:
    if min(now.total, before.values) < LEAST_VALUES or len(before.shares) != len(before.edges) + 1:
        return []
    counts = now.counts_between(np.array(before.edges))
    return [_record(band, within, counts / counts.sum(), np.array(before.shares))]


def _record(what: str, within: str, now: Any, before: Any) -> Moved:
    index = drift.psi(now, before)
    return Moved(
        what=what,
        within=within,
        psi=round(index, 4),
        jensen_shannon=round(drift.jensen_shannon(now, before), 5),
        shift=drift.shift(index),
    )
