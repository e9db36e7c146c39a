"""Whether a source has what the config asks of it: images, bands, properties, and images in each step of time."""

from typing import Any

import ee

from earthline.config import Data, Source
from earthline.earth_engine.imagery import sources
from earthline.earth_engine.imagery.errors import ImageryError, answered
from earthline.earth_engine.imagery.region import region
from earthline.earth_engine.imagery.sources import clouds, ready

_LISTED = 12
"""Steps without images that an error lists."""


def require(data: Data, key: str, source: Source) -> str:
    """What a source has, in a few words.

    Args:
        data: The section.
        key: The source's key in the config.
        source: The source.

    Raises:
        ImageryError: It lacks something; the text says what to do.
        PixelsError: Earth Engine does not answer.
    """
    single = sources.single_image(source)
    if single is not None:
        there = answered(single.bandNames().getInfo, f"{key}.{'image' if source.image is not None else 'function'}")
        _require_bands(key, source, there)
        return f"{source.asset} has {', '.join(source.taken)}"
    counts = [_images(data, key, source, asset) for asset in source.collections]
    found = {name: sum(count[name] for count in counts) for name in ("dates", "region", "known", "clear", "chosen")}
    _require_images(data, key, source, found)
    if source.ready is None:
        over_region = _over_region(data, source, source.collections[0])
        _require_bands(key, source, answered(over_region.first().bandNames().getInfo, f"{key}.collection"))
    _require_steps(key, source, [count["steps"] for count in counts])
    return f"{found['chosen']:,} image(s) of {source.asset} over the region"


def _dated(source: Source, asset: str) -> Any:
    images = ee.ImageCollection(asset)
    return images.filterDate(*source.span) if source.span is not None else images


def _over_region(data: Data, source: Source, asset: str) -> Any:
    return _dated(source, asset).filterBounds(region(data))


def _images(data: Data, key: str, source: Source, asset: str) -> dict[str, Any]:
    """Numbers of images, in one request."""
    over_region = _over_region(data, source, asset)
    chosen = sources.scenes(data, source, asset)
    asked = {
        "dates": _dated(source, asset).size(),
        "region": over_region.size(),
        "known": over_region.filter(ee.Filter.notNull([source.cloud_share_property])).size(),
        "clear": sources.cloud_free(over_region, source).size(),
        "chosen": chosen.size(),
        "steps": [chosen.filterDate(step.start, step.end).size() for step in source.steps],
    }
    found: dict[str, Any] = answered(ee.Dictionary(asked).getInfo, f"{key}.collection")
    return found


def _require_images(data: Data, key: str, source: Source, found: dict[str, int]) -> None:
    span = f" from {source.span[0]} to {source.span[1]}" if source.span is not None else ""
    if not found["dates"]:
        raise ImageryError(f"{key}: {source.asset} has no image{span}; change `start` and `end`")
    if not found["region"]:
        raise ImageryError(
            f"{key}: {source.asset} has {found['dates']:,} image(s){span}, none of them over the "
            "region; move `data.region`, or widen the dates"
        )
    name = source.cloud_share_property
    if source.max_cloud_percent is not None and found["known"] < found["region"]:
        over_region = _over_region(data, source, source.collections[0])
        names = answered(lambda: sorted(over_region.first().propertyNames().getInfo()), f"{key}.collection")
        likely = [each for each in names if "cloud" in each.lower()]
        raise ImageryError(
            f"{key}.max_cloud_percent: {found['region'] - found['known']:,} of {found['region']:,} images of "
            f"{source.asset} have no property {name}; give the one that holds their share of cloud by "
            f"{key}.cloud_property ({'such as ' if likely else 'the first image has '}"
            f"{', '.join(likely or names)}), or leave max_cloud_percent out"
        )
    if not found["clear"]:
        raise ImageryError(
            f"{key}.max_cloud_percent: none of {found['region']:,} images over the region has {name} of "
            f"{source.max_cloud_percent:g} or less; raise it, or widen the dates"
        )
    if not found["chosen"]:
        over_region = _over_region(data, source, source.collections[0])
        if not source.filters:
            raise ImageryError(
                f"{key}.ready: none of {found['region']:,} images over the region is of the kind that "
                f"{ready.kind(source)}; choose other bands or options, or widen the dates"
            )
        held = answered(
            ee.Dictionary({name: over_region.aggregate_array(name).distinct() for name in source.filters}).getInfo,
            f"{key}.filters",
        )
        there = "; ".join(f"{name} is {_shown(values)}" for name, values in held.items())
        raise ImageryError(
            f"{key}.filters: none of {found['clear']:,} images over the region passes {', '.join(source.filters)}; "
            f"there {there}"
        )


def _shown(values: list[Any]) -> str:
    if not values:
        return "a property of none"
    listed = ", ".join(map(str, values[:_LISTED]))
    return f"{listed} and others" if len(values) > _LISTED else listed


def _require_bands(key: str, source: Source, there: list[str]) -> None:
    needed = [*source.taken, *([source.quality_band] if source.quality_band else [])]
    missing = [band for band in dict.fromkeys(needed) if band not in there]
    if missing:
        place = f"{key}.bands" if set(missing) & set(source.taken) else f"{key}.quality_band"
        raise ImageryError(f"{place}: {', '.join(missing)} not in {source.asset}, which has {', '.join(there)}")
    quality = clouds.BANDS.get(source.cloud_mask)
    if quality is not None and quality not in there:
        raise ImageryError(
            f"{key}.cloud_mask: {source.cloud_mask} reads the band {quality}, and {source.asset} has "
            f"{', '.join(there)}; leave cloud_mask out, or mask by a `function` of your own"
        )


def _require_steps(key: str, source: Source, counts: list[list[int]]) -> None:
    if source.time is None:
        return
    images = [sum(each) for each in zip(*counts, strict=True)]
    empty = [step for step, count in zip(source.steps, images, strict=True) if not count]
    if not empty or source.time.empty != "fail":
        return
    listed = ", ".join(map(str, empty[:_LISTED])) + (" and others" if len(empty) > _LISTED else "")
    raise ImageryError(
        f"{key}.time: {len(empty)} of {len(images)} steps have no image over the region: {listed}; take longer "
        "steps, let more images in, or say by `empty` (previous, nearest or a number) what stands in their place"
    )
