"""One source: its images, chosen and masked, and the one image that is made of them."""

from typing import Any

import ee

from earthline.config import Data, Source
from earthline.earth_engine.imagery.grids import default_projection
from earthline.earth_engine.imagery.region import region
from earthline.earth_engine.imagery.sources import clouds, composites, ready, resampling, series
from earthline.earth_engine.imagery.sources.filters import matching


def part(data: Data, source: Source) -> Any:
    """The `ee.Image` of a source, with its bands as they are called in the stack; gaps are masked or filled.

    Args:
        data: The section.
        source: One of its sources.
    """
    whole = series.joined(_steps(data, source))
    if source.stacked != source.taken:
        whole = whole.rename(list(source.stacked))
    return whole if single_image(source) is not None else _on_grid(data, whole)


def single_image(source: Source) -> Any | None:
    """The `ee.Image` that a source names or that a function made; None where it is a collection.

    Args:
        source: The source.
    """
    if source.function is not None:
        return ee.Image(ee.deserializer.fromJSON(source.function.graph))
    return ee.Image(source.image) if source.image is not None else None


def collection(data: Data, source: Source | None = None) -> Any:
    """The filtered, cloud-masked `ee.ImageCollection` behind a composite, with the bands of the config.

    Args:
        data: The section.
        source: A collection or a ready source; the first one where it is left out.
    """
    source = source or data.imagery.all_sources[0]
    return _prepared(data, source, source.span)


def scenes(data: Data, source: Source | None = None, asset: str | None = None) -> Any:
    """The same `ee.ImageCollection` before anything is done to its images: they keep their versions.

    Args:
        data: The section.
        source: A collection or a ready source; the first one where it is left out.
        asset: One of its collections; the first one where it is left out.
    """
    source = source or data.imagery.all_sources[0]
    return _scenes(data, source, asset or source.collections[0], source.span)


def _scenes(data: Data, source: Source, asset: str, span: tuple[str, str] | None) -> Any:
    images = ee.ImageCollection(asset)
    if span is not None:
        images = images.filterDate(*span)
    images = cloud_free(images.filterBounds(region(data)), source)
    return matching(ready.chosen(images, source), source.filters)


def cloud_free(images: Any, source: Source) -> Any:
    """An `ee.ImageCollection` of those images alone that have no more cloud than `max_cloud_percent`.

    Args:
        images: The collection.
        source: The source; one without a limit takes all.
    """
    if source.max_cloud_percent is None:
        return images
    # The client makes `not greater than` of lte, which images without the property pass as well.
    known = ee.Filter.notNull([source.cloud_share_property])
    return images.filter(known).filter(ee.Filter.lte(source.cloud_share_property, source.max_cloud_percent))


def _steps(data: Data, source: Source) -> list[Any]:
    """An `ee.Image` for each step in time, or one, with the bands `source.taken` in final units; gaps are filled."""
    single = single_image(source)
    if single is not None:
        clear = clouds.masked(single, source.cloud_mask).select(list(source.taken))
        found = [resampling.resampled(clear, source.resample)]
    elif source.time is None:
        found = [_composite(data, source, source.span)]
    else:
        spans = ((step.start, step.end) for step in source.steps)
        found = [_composite(data, source, span, may_be_empty=True) for span in spans]
    found = [_rescaled(step, source) for step in found]
    if source.time is not None:
        found = series.without_gaps(found, source.time.empty)
    filler = data.imagery.called(source.fill) if isinstance(source.fill, str) else None
    if filler is None:
        return [step if source.fill is None else step.unmask(source.fill, False) for step in found]
    fillers = _steps(data, filler)
    if len(fillers) == 1:
        fillers *= len(found)
    names, places = list(source.plain), [filler.plain.index(name) for name in source.plain]
    return [
        _with_common_mask(one.rename(names)).unmask(_with_common_mask(other.select(places, names)), False)
        for one, other in zip(found, fillers, strict=True)
    ]


def _with_common_mask(whole: Any) -> Any:
    """Bands of two sources are not mixed within a pixel."""
    return whole.updateMask(whole.mask().reduce(ee.Reducer.min()))


def _prepared(data: Data, source: Source, span: tuple[str, str] | None) -> Any:
    bands = list(dict.fromkeys([*source.taken, *([source.quality_band] if source.quality_band else [])]))
    joined = None
    for asset in source.collections:
        images = clouds.masked(_scenes(data, source, asset, span), source.cloud_mask)
        images = ready.harmonised(images, source, asset, bands).select(bands)
        joined = images if joined is None else joined.merge(images)
    return resampling.each_resampled(joined, source.resample)


def _composite(data: Data, source: Source, span: tuple[str, str] | None, *, may_be_empty: bool = False) -> Any:
    """One image with the bands `source.taken`, in the units of the source."""
    whole = ready.whole(_scenes(data, source, source.collections[0], span), source)
    if whole is not None:
        return resampling.resampled(whole.select(list(source.taken)), source.resample)
    images = _prepared(data, source, span)
    if may_be_empty:
        # Earth Engine makes an image without bands of no images.
        images = images.merge(ee.ImageCollection([composites.nothing(source)]))
    return ready.finished(composites.composed(images, source), source)


def _rescaled(whole: Any, source: Source) -> Any:
    pairs = [source.rescaling(band) for band in source.bands]
    factors, summands = [factor for factor, _ in pairs], [summand for _, summand in pairs]
    if any(factor != 1 for factor in factors):
        whole = whole.multiply(_constants(factors))
    if any(summand != 0 for summand in summands):
        whole = whole.add(_constants(summands))
    return whole


def _constants(numbers: list[float]) -> Any:
    return ee.Image.constant(numbers if len(set(numbers)) > 1 else numbers[0])


def _on_grid(data: Data, composite: Any) -> Any:
    """A composite's own projection is EPSG:4326 at one degree; this gives it the grid that patches are cut from."""
    return composite.setDefaultProjection(default_projection(data))
