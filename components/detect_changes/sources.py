"""What Earth Engine tells of imagery and labels in a few small requests."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import ee

from components.detect_changes.changes import FEATURES, QUANTILES, Band, Source
from earthline.config import Data, ExampleLabels, Labels, Outline, RasterLabels, VectorLabels
from earthline.config import Source as ImagerySource
from earthline.earth_engine import imagery
from earthline.earth_engine.retry import ask
from earthline.storage.patterns import find

SAMPLES = 10_000
"""Pixels of the region on which the bands' statistics rest, about."""
_ATTEMPTS = 5


def read_sources(data: Data, project: str | None = None) -> tuple[Source, ...]:
    """Imagery and labels as they are now; asks Earth Engine.

    Args:
        data: The config's section.
        project: Google Cloud project of requests to Cloud Storage.

    Raises:
        PixelsError: Earth Engine does not answer.
        PatternError: A name of `data.examples` matches no file.
    """
    return (
        *(each for source in data.imagery.all_sources for each in _imagery(data, source)),
        *(examples(data, project) if isinstance(data.labels, ExampleLabels) else [_labels(data.labels)]),
        *_region(data),
    )


def _region(data: Data) -> tuple[Source, ...]:
    """The table of the region's outline, which may get other features; a file's are in the config itself."""
    place = data.region
    if not isinstance(place, Outline) or place.table is None:
        return ()
    return (_table("region", place.table),)


def read_bands(data: Data) -> dict[str, Band]:
    """Statistics of the imagery over the region, on a coarse grid; asks Earth Engine.

    Args:
        data: The config's section.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    grid = imagery.grid(data)
    coarse = grid.thinned(SAMPLES)
    reducer = (
        ee.Reducer.mean()
        .combine(ee.Reducer.stdDev(), sharedInputs=True)
        .combine(ee.Reducer.percentile(list(QUANTILES)), sharedInputs=True)
    )
    found: dict[str, Any] = ask(
        lambda: (
            imagery.image(data)
            .reduceRegion(
                reducer=reducer,
                geometry=imagery.region(data),
                crs=coarse.crs,
                crsTransform=list(coarse.transform),
                maxPixels=100 * SAMPLES,
            )
            .getInfo()
        ),
        _ATTEMPTS,
        "statistics of the imagery",
    )
    return statistics(found, data.imagery.band_names)


def statistics(found: Mapping[str, Any], bands: Sequence[str]) -> dict[str, Band]:
    """The bands' statistics in an answer of `reduceRegion`.

    Args:
        found: Values by `<band>_mean`, `<band>_stdDev` and `<band>_p5`, of several percentages.
        bands: Names of the bands. One that is masked everywhere has no mean, one with NaN no finite one: either is
            left out, as the steps that follow say better what is wrong with it.
    """
    known = {}
    for band in bands:
        mean, std = (_finite(found.get(f"{band}_{name}")) for name in ("mean", "stdDev"))
        quantiles = [_finite(found.get(f"{band}_p{percent}")) for percent in QUANTILES]
        if mean is not None and std is not None:
            complete = tuple(value for value in quantiles if value is not None)
            known[band] = Band(mean=mean, std=std, quantiles=complete if len(complete) == len(quantiles) else ())
    return known


def _finite(value: Any) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _imagery(data: Data, source: ImagerySource) -> list[Source]:
    if source.image is not None:
        return [_image("imagery", source.image)]
    if source.function is not None:
        # Which of a collection's images its expression takes, nobody knows: all over the region count.
        here = imagery.region(data)
        return [
            *(_image("imagery", asset) for asset in source.function.images),
            *(
                _collection("imagery", asset, ee.ImageCollection(asset).filterBounds(here))
                for asset in source.function.collections
            ),
        ]
    return [_collection("imagery", asset, imagery.scenes(data, source, asset)) for asset in source.collections]


def examples(data: Data, project: str | None) -> Iterator[Source]:
    """Files of TFRecords made elsewhere: their names, sizes and versions are what changes with them.

    Args:
        data: The config's section.
        project: Google Cloud project of requests to Cloud Storage.

    Raises:
        PatternError: A name matches no file.
    """
    assert data.examples is not None
    for split, patterns in data.examples.patterns.items():
        files = find(patterns, project)
        digest = hashlib.sha256(repr([(file.name, file.size, file.version) for file in files]).encode()).hexdigest()
        asset = f"{split or 'all'} files {digest[:16]}"
        yield Source(role="examples", asset=asset, images=len(files), version=0)


def _labels(labels: Labels) -> Source:
    if isinstance(labels, VectorLabels):
        return _features(labels)
    assert isinstance(labels, RasterLabels)
    if labels.image:
        return _image("labels", labels.image)
    return _collection("labels", labels.asset, ee.ImageCollection(labels.collection))


def _features(labels: VectorLabels) -> Source:
    if labels.held is not None:
        # Their name is what they hold.
        return Source(role="labels", asset=f"{FEATURES}{labels.held.digest()}", images=len(labels.held), version=0)
    return _table("labels", labels.asset)


def _table(role: str, asset: str) -> Source:
    described: dict[str, Any] = ask(lambda: ee.data.getAsset(asset), _ATTEMPTS, asset)
    changed = datetime.fromisoformat(str(described["updateTime"]))
    return Source(role=role, asset=asset, images=1, version=int(changed.timestamp() * 1e6))


def _image(role: str, asset: str) -> Source:
    described: dict[str, Any] = ask(lambda: ee.Image(asset).getInfo(), _ATTEMPTS, asset)
    start = described.get("properties", {}).get("system:time_start")
    return Source(role=role, asset=asset, images=1, newest=_day(start), version=int(described.get("version", 0)))


def _collection(role: str, asset: str, images: Any) -> Source:
    asked = ee.Dictionary(
        {
            "images": images.size(),
            "newest": images.aggregate_max("system:time_start"),
            "version": images.aggregate_max("system:version"),
        }
    )
    found: dict[str, Any] = ask(asked.getInfo, _ATTEMPTS, asset)
    return Source(
        role=role,
        asset=asset,
        images=int(found["images"]),
        newest=_day(found.get("newest")),
        version=int(found.get("version") or 0),
    )


def _day(milliseconds: float | None) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}" if milliseconds else ""
