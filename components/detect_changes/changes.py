"""Why a run retrains, or has nothing to do. Pure comparison of two snapshots."""

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from earthline import drift

CHANGES = "changes.json"
RETRAIN = "retrain"
NOTHING_NEW = "nothing_new"
QUANTILES = tuple(range(0, 101, 5))
"""Percent of the values whose quantiles are kept of a band."""
FEATURES = "features "
"""The name of labels that stand in the config begins like this; then comes the hash of their content."""
_TINY = 1e-9
"""A band that is the same everywhere has no spread to measure a change in."""


class Source(BaseModel):
    """An asset of imagery, labels or region, as far as its metadata tell whether it changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str = Field(description="`imagery`, `labels`, `region` or `examples`.")
    asset: str = Field(description="Id of the image or collection.")
    images: int = Field(description="Images of it that the config takes.")
    newest: str = Field(default="", description="Day of the newest image's start, YYYY-MM-DD; empty where unknown.")
    version: int = Field(description="Newest version: Earth Engine counts microseconds since 1970 at each change.")


class Band(BaseModel):
    """Values of a band over the region, sampled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float = Field(description="Mean.")
    std: float = Field(ge=0, description="Standard deviation.")
    quantiles: tuple[float, ...] = Field(
        default=(), description="Quantiles from the minimum to the maximum, every 5 %; empty where unknown."
    )


class Snapshot(BaseModel):
    """What a run saw before it did anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sections: dict[str, str] = Field(description="SHA-256 of each section of the config that a step reads, by name.")
    sources: tuple[Source, ...] = Field(description="Imagery and labels.")
    bands: dict[str, Band] = Field(description="Statistics of the imagery by band.")


class Changes(BaseModel):
    """A decision, as `changes.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: str = Field(description=f"`{RETRAIN}` or `{NOTHING_NEW}`.")
    reasons: tuple[str, ...] = Field(description="One sentence each, for people.")
    accepted_run: str = Field(default="", description="Id of the last accepted run; empty where there is none.")
    snapshot: Snapshot = Field(description="What this run saw.")

    def write(self, folder: Path) -> None:
        """Writes `changes.json` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CHANGES).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Changes":
        """Reads `changes.json` of a folder; raises OSError or ValueError where it cannot be read."""
        return cls.model_validate_json((folder / CHANGES).read_text(encoding="utf-8"))


def decide(
    now: Snapshot,
    previous: Snapshot | None,
    run: str,
    *,
    deployed: bool,
    force: bool,
    drift_limit: float,
    psi_limit: float,
) -> Changes:
    """Whether there is reason to retrain.

    Args:
        now: What this run sees.
        previous: What the last accepted run saw; None where there is none.
        run: Its id.
        deployed: Whether a model is on the endpoint.
        force: Whether the run goes on in any case.
        drift_limit: Largest change of a band's mean, in its standard deviations, that is no reason.
        psi_limit: Largest population stability index of a band that is no reason.
    """
    reasons: list[str] = []
    if previous is None:
        reasons.append("no run of this workflow was accepted yet")
    else:
        if not deployed:
            reasons.append("no model is deployed on the endpoint")
        changed = [name for name, digest in now.sections.items() if previous.sections.get(name) != digest]
        if changed:
            reasons.append(f"the config changed since {run}: {', '.join(changed)}")
        reasons += [text for source in now.sources for text in _newer(source, previous.sources)]
        reasons += drifts(now.bands, previous.bands, drift_limit, psi_limit)
    if not reasons and force:
        reasons.append(f"asked for, though nothing is new since {run}")
    if reasons:
        return Changes(decision=RETRAIN, reasons=tuple(reasons), accepted_run=run, snapshot=now)
    quiet = f"no imagery, label or setting changed since {run}, no band drifted by more than {drift_limit:g} deviations"
    return Changes(decision=NOTHING_NEW, reasons=(quiet,), accepted_run=run, snapshot=now)


def drifts(now: dict[str, Band], previous: dict[str, Band], limit: float, psi_limit: float) -> list[str]:
    """One sentence per band whose mean moved, or whose values are distributed otherwise, by more than the limit.

    Args:
        now: Bands by name.
        previous: Bands by name; one that is new does not count.
        limit: Of the mean's change, in standard deviations of `previous`.
        psi_limit: Of the population stability index (`earthline.drift`).
    """
    found = []
    for name, band in now.items():
        if name not in previous:
            continue
        moved = abs(band.mean - previous[name].mean) / max(previous[name].std, _TINY)
        if moved > limit:
            found.append(
                f"band {name} drifted: its mean went from {previous[name].mean:.4g} to {band.mean:.4g}, "
                f"{_beyond(moved, limit)} standard deviations (limit {limit:g})"
            )
            continue
        index = _psi(band, previous[name])
        if index > psi_limit:
            found.append(
                f"band {name} drifted: its values are distributed otherwise, with a population stability index of "
                f"{_beyond(index, psi_limit)} (limit {psi_limit:g})"
            )
    return found


def _beyond(number: float, limit: float) -> str:
    """A number above a limit, with as many digits as tell it from the limit."""
    texts = (f"{number:.{digits}g}" for digits in range(2, 17))
    return next((text for text in texts if float(text) > limit), repr(number))


def _psi(now: Band, before: Band) -> float:
    """The population stability index of ten bins with as many values each before; 0 where quantiles are unknown."""
    if len(now.quantiles) != len(QUANTILES) or len(before.quantiles) != len(QUANTILES):
        return 0.0
    shares = np.array(QUANTILES) / 100
    edges = np.unique(np.interp(drift.DECILES, shares, before.quantiles))
    then, there = (drift.between(drift.shares_below(edges, np.array(band.quantiles), shares)) for band in (before, now))
    return drift.psi(there, then)


def _newer(source: Source, before: tuple[Source, ...]) -> list[str]:
    """What is new about an asset, in a sentence; nothing where it is as it was."""
    same = [each for each in before if (each.role, each.asset) == (source.role, source.asset)]
    if not same and source.asset.startswith(FEATURES):
        # They stand in the config, whose change alone would not say that somebody has been in the field.
        of_config = [each for each in before if each.role == source.role and each.asset.startswith(FEATURES)]
        return [f"new {source.role}: {source.images:,} features instead of {each.images:,}" for each in of_config[:1]]
    # Another asset is a change of the config, which is told as such.
    if not same or same[0] == source:
        return []
    old = same[0]
    if source.images != old.images:
        newest = f", the newest of {source.newest}" if source.newest else ""
        return [f"new {source.role}: {source.asset} has {source.images} images instead of {old.images}{newest}"]
    return [f"new {source.role}: {source.asset} was changed"]
