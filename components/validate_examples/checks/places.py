"""Where patches lie: inside the grid, once, and far enough from those of other splits."""

import itertools
from collections.abc import Mapping

from components.validate_examples.findings import Findings
from components.validate_examples.statistics.split import SplitStatistics
from earthline import separation
from earthline.formats.manifest import Manifest
from earthline.grid import Grid

_ROUNDED = 0.1
"""Metres by which distances differ that were rounded."""


def check(manifest: Manifest, statistics: Mapping[str, SplitStatistics], findings: Findings) -> None:
    """Checks the places of all patches.

    Args:
        manifest: The dataset's.
        statistics: By split.
        findings: Where they are noted.
    """
    height, width = Grid.from_json(manifest.grid).shape
    rows, columns = manifest.patch_shape
    places = [
        (split, int(row), int(column))
        for split, of_split in statistics.items()
        for row, column in of_split.sightings.corner
    ]
    seen: dict[tuple[int, int], str] = {}
    for split, row, column in places:
        if not (0 <= row <= height - rows and 0 <= column <= width - columns):
            findings.error("place", f"{split}: the patch at row {row}, column {column} reaches outside the grid")
        if (row, column) in seen:
            first = seen[row, column]
            findings.error("duplicate", f"the patch at row {row}, column {column} is in {first} and again in {split}")
        seen.setdefault((row, column), split)
    for split, other in itertools.combinations(statistics, 2):
        mine, theirs = (statistics[name].sightings.corner for name in (split, other))
        for one, two in zip(*separation.too_close(mine, theirs, manifest.patch_shape, manifest.gap), strict=True):
            (row, column), (their_row, their_column) = mine[one].tolist(), theirs[two].tolist()
            apart = max(abs(row - their_row) - rows, abs(column - their_column) - columns, 0)
            findings.error(
                "leakage",
                f"the patches at (row {row}, column {column}) of {split} and (row {their_row}, column {their_column}) "
                f"of {other} are {apart} pixels apart, less than {manifest.gap}",
            )


def check_distances(manifest: Manifest, found: Mapping[str, Mapping[str, float]], findings: Findings) -> None:
    """Checks what the manifest says of the distance to training patches.

    Args:
        manifest: The dataset's.
        found: What `distances` gave.
        findings: Where a difference is noted.
    """
    for split, said in manifest.apart.items():
        least = found.get(split, {}).get("least")
        if least is None or abs(least - said) > _ROUNDED + 1e-3 * said:
            findings.error(
                "manifest",
                f"{split}: the nearest training patch is {'unknown' if least is None else f'{least:,.1f} m'} away, the "
                f"manifest says {said:,.1f} m; export the examples again, for shards and manifest are not of one run",
            )


def distances(manifest: Manifest, statistics: Mapping[str, SplitStatistics]) -> dict[str, dict[str, float]]:
    """How far patches of other splits lie from the nearest training patch, in metres.

    Args:
        manifest: The dataset's.
        statistics: By split.

    Returns:
        By split the `least` and the `median` distance; nothing where patches have no known place on the ground.
    """
    if not manifest.placed:
        return {}
    corners = {split: of_split.sightings.corner for split, of_split in statistics.items() if len(of_split.sightings)}
    return separation.summary(Grid.from_json(manifest.grid), manifest.patch_shape, corners)
