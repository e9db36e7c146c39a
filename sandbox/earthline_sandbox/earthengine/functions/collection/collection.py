"""Collections: loaded, filtered, mapped, ordered, and made into one another."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson
from shapely.geometry import shape as shape_of

from earthline_sandbox.earthengine.functions.collection.filters import Filter, field
from earthline_sandbox.earthengine.functions.geometry.geometry import bounds as bounds_of
from earthline_sandbox.earthengine.functions.image.image_bands import add_bands, image_of_record
from earthline_sandbox.earthengine.language.coerce import coerce, footprint, indexed
from earthline_sandbox.earthengine.language.registry import Context, function
from earthline_sandbox.earthengine.language.results import to_json
from earthline_sandbox.earthengine.pixels.geodesics import joined
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.pixels.random import fractions, normals
from earthline_sandbox.earthengine.records import AssetRecord
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import INDEX, Collection, Date, Feature, Geometry, Image, LazySequence
from earthline_sandbox.errors import ApiError, invalid


@function("ImageCollection.load", ignores=("version",))
def load(context: Context, id: str) -> Collection:
    """The images of a collection asset, in the order of their ids."""
    try:
        record: AssetRecord | None = context.catalogue.get(id)
    except ApiError as error:
        if error.status != "NOT_FOUND":
            raise
        record = None
    if record is None or record.type not in ("IMAGE_COLLECTION", "FOLDER", "IMAGE"):
        raise invalid(
            f"ImageCollection.load: ImageCollection asset '{id}' not found "
            "(does not exist or caller does not have access)."
        )
    if record.type == "IMAGE":
        raise invalid(f"ImageCollection.load: Asset '{id}' is not an ImageCollection.")
    images = (image_of_record(image) for image in context.catalogue.images(id))
    return Collection(
        elements=LazySequence(images),
        kind="ImageCollection",
        properties=record.properties,
        id=record.id,
        version=record.version,
    )


@function("Collection.loadTable", ignores=("geometryColumn", "version"))
def load_table(context: Context, table_id: str) -> Collection:
    """The features of a table asset."""
    try:
        record: AssetRecord | None = context.catalogue.get(table_id)
    except ApiError as error:
        if error.status != "NOT_FOUND":
            raise
        record = None
    if record is None or record.features_path is None:
        raise invalid(
            f"Collection.loadTable: Collection asset '{table_id}' not found "
            "(does not exist or caller does not have access)."
        )
    path = record.features_path

    def features() -> Iterator[Feature]:
        for position, raw in enumerate(orjson.loads(path.read_bytes())["features"]):
            area = None if raw.get("geometry") is None else Geometry(shape_of(raw["geometry"]), geodesic=False)
            index = raw.get("id", raw.get("properties", {}).get(INDEX, position))
            yield Feature(geometry=area, properties={**(raw.get("properties") or {}), INDEX: str(index)})

    return Collection(
        elements=LazySequence(features()), properties=record.properties, id=record.id, version=record.version
    )


@function("Collection")
def make(features: list[Any]) -> Collection:
    """A collection of the given features."""
    return indexed(features)


@function("ImageCollection.fromImages")
def from_images(images: list[Image]) -> Collection:
    """A collection of the given images."""
    return indexed(images, "ImageCollection")


@function("Collection.filter")
def filtered(collection: Collection, filter: Any) -> Collection:
    """The elements that pass; a text is read as an expression."""
    # Declared as any object.
    test = coerce(filter, "Filter") if isinstance(filter, str) else filter
    if not isinstance(test, Filter):
        raise invalid("Collection.filter, argument 'filter': Invalid type.\nExpected type: Filter.")
    return collection.with_part(item for item in collection if test(item))


@function("Collection.map")
def mapped(collection: Collection, base_algorithm: Callable[..., Any], drop_nulls: bool) -> Collection:
    """The function's result for every element, by the element's own index."""

    def results() -> Iterator[Any]:
        for item in collection:
            result = base_algorithm(item)
            if result is None:
                if drop_nulls:
                    continue
                raise invalid("Collection.map: A mapped algorithm must return a Feature or Image, got null.")
            if isinstance(result, Geometry):
                result = Feature(geometry=result)
            if not isinstance(result, Feature | Image | Collection):
                raise invalid("Collection.map: A mapped algorithm must return a Feature or Image.")
            index = item.get(INDEX)
            yield result if index is None else result.with_properties({INDEX: index})

    return collection.with_elements(results())


@function("Collection.first")
def first(collection: Collection) -> Any:
    """The first element, or null."""
    return next(iter(collection), None)


@function("Collection.size")
def size(collection: Collection) -> int:
    """The number of elements."""
    return len(collection.elements)


@function("Collection.limit")
def limit(collection: Collection, limit: int | None, key: str | None, ascending: bool) -> Collection:
    """The first elements, in the order of a property where one is given."""
    source = collection if key is None else _sorted(collection, key, ascending)
    return source if limit is None else source.with_part(itertools.islice(iter(source), max(limit, 0)))


def _sorted(collection: Collection, key: str, ascending: bool) -> Collection:
    def rank(item: Any) -> tuple[int, Any]:
        value = item.get(key)
        if isinstance(value, Date):
            value = value.milliseconds
        if isinstance(value, str):
            return 1, value
        return (0, value) if isinstance(value, int | float) else (2, 0)

    def ordered() -> Iterator[Any]:
        yield from sorted(collection, key=rank, reverse=not ascending)

    return collection.with_part(ordered())


@function("Collection.toList")
def to_list(collection: Collection, count: int, offset: int) -> list[Any]:
    """Elements as a list."""
    return list(itertools.islice(iter(collection), max(offset, 0), max(offset, 0) + max(count, 0)))


@function("Collection.iterate")
def iterate(collection: Collection, function: Callable[..., Any], first: Any) -> Any:
    """Calls the function with each element and the result so far."""
    state = first
    for item in collection:
        state = function(item, state)
    return state


@function("Collection.merge", "ImageCollection.merge")
def merge(collection1: Collection, collection2: Collection) -> Collection:
    """The elements of both; indices get the prefixes `1_` and `2_`."""

    def both() -> Iterator[Any]:
        for prefix, collection in (("1_", collection1), ("2_", collection2)):
            for item in collection:
                index = item.get(INDEX)
                yield item if index is None else item.with_properties({INDEX: f"{prefix}{index}"})

    return collection1.with_elements(both())


@function("ImageCollection.combine")
def combine(primary: Collection, secondary: Collection, overwrite: bool) -> Collection:
    """Bands of the second collection's images added to those of the first with the same index."""

    def both() -> Iterator[Image]:
        others = {item.get(INDEX): item for item in secondary.images("ImageCollection.combine")}
        for item in primary.images("ImageCollection.combine"):
            if item.get(INDEX) in others:
                yield add_bands(item, others[item.get(INDEX)], None, overwrite)

    return primary.with_elements(both())


@function("Collection.flatten")
def flatten(collection: Collection) -> Collection:
    """The elements of collections within a collection."""

    def members() -> Iterator[Any]:
        for outer in collection:
            if not isinstance(outer, Collection):
                raise invalid("Collection.flatten: the collection must hold collections.")
            for item in outer:
                parts = [part for part in (outer.get(INDEX), item.get(INDEX)) if part is not None]
                yield item.with_properties({INDEX: "_".join(parts)}) if parts else item

    return Collection(elements=LazySequence(members()), kind=collection.kind)


@function("Collection.distinct")
def distinct(context: Context, collection: Collection, properties: Any) -> Collection:
    """The first element of every combination of property values."""
    names = properties if isinstance(properties, list) else [properties]
    if not all(isinstance(name, str) for name in names):
        raise invalid("Collection.distinct: 'properties' must be a property name or a list of them.")

    def unique() -> Iterator[Any]:
        seen = set()
        for item in collection:
            key = orjson.dumps([to_json(field(item, name), context.limits) for name in names])
            if key not in seen:
                seen.add(key)
                yield item

    return collection.with_elements(unique())


@function("Collection.randomColumn")
def random_column(
    context: Context, collection: Collection, column_name: str, seed: int, distribution: str, row_keys: list[str]
) -> Collection:
    """A property of pseudorandom numbers that depend on the seed and the row keys alone."""
    if distribution not in ("uniform", "normal"):
        raise invalid(f"Collection.randomColumn: Unknown distribution '{distribution}'.")
    draw = fractions if distribution == "uniform" else normals

    def rows() -> Iterator[Any]:
        for item in collection:
            key = orjson.dumps([to_json(field(item, name), context.limits) for name in row_keys])
            yield item.with_properties({column_name: draw(key, seed)})

    return collection.with_elements(rows())


@function("Collection.geometry", ignores=("maxError",))
def geometry(collection: Collection) -> Geometry:
    """All geometries together."""
    parts = [_place(item) for item in collection]
    known = [part for part in parts if part is not None]
    geodesic = bool(known) and all(part.geodesic for part in known)
    return Geometry(joined([part.lonlat() for part in known]), geodesic=geodesic)


def _place(item: Any) -> Geometry | None:
    if isinstance(item, Image):
        return footprint(item)
    return item.geometry if isinstance(item, Feature) else None


@function("Collection.bounds", ignores=("maxError",))
def bounds(collection: Collection, proj: Projection) -> Geometry:
    """The rectangle around all geometries."""
    return bounds_of(geometry(collection), proj)


@function("Collection.union", ignores=("maxError",))
def union(collection: Collection) -> Collection:
    """One feature with all geometries merged."""
    return Collection(elements=[Feature(geometry=geometry(collection), properties={INDEX: "union_result"})])


@function("Collection.remap")
def remap(collection: Collection, lookup_in: list[Any], lookup_out: list[Any], column_name: str) -> Collection:
    """Maps the values of a property to others; elements with any other value are dropped."""
    if len(lookup_in) != len(lookup_out):
        raise invalid("Collection.remap: 'lookupIn' and 'lookupOut' must have the same length.")
    table = dict(zip(lookup_in, lookup_out, strict=True))

    def rows() -> Iterator[Any]:
        for item in collection:
            value = item.get(column_name)
            if isinstance(value, int | float | str) and value in table:
                yield item.with_properties({column_name: table[value]})

    return collection.with_elements(rows())


@function("Collection.reduceColumns")
def reduce_columns(
    collection: Collection, reducer: Reducer, selectors: list[str], weight_selectors: list[str] | None
) -> dict[str, Any]:
    """Reduces properties; elements without one of them are left out."""
    if len(selectors) != reducer.inputs:
        raise invalid(
            f"Collection.reduceColumns: Need {reducer.inputs} input columns for the reducer, got {len(selectors)}."
        )
    rows = [[_plain(field(item, name)) for name in selectors] for item in collection]
    weights = None
    if weight_selectors:
        weights = np.array([_plain(field(item, weight_selectors[0])) or 0 for item in collection], dtype="float64")
    return dict(zip(reducer.outputs, reducer.reduce_rows(rows, weights), strict=True))


def _plain(value: Any) -> Any:
    return value.milliseconds if isinstance(value, Date) else value


def _values(collection: Collection, property: str) -> list[Any]:
    values = (_plain(field(item, property)) for item in collection)
    return [value for value in values if value is not None]


@function("AggregateFeatureCollection.array")
def aggregate_array(collection: Collection, property: str) -> list[Any]:
    """The values of a property, those that are there."""
    values = (field(item, property) for item in collection)
    return [value for value in values if value is not None]


@function("AggregateFeatureCollection.count")
def aggregate_count(collection: Collection, property: str) -> int:
    """How many elements have the property."""
    return len(_values(collection, property))


@function("AggregateFeatureCollection.count_distinct")
def aggregate_count_distinct(collection: Collection, property: str) -> int:
    """How many values the property has."""
    return len({orjson.dumps(value) for value in _values(collection, property)})


@function("AggregateFeatureCollection.first")
def aggregate_first(collection: Collection, property: str) -> Any:
    """The first element's value."""
    item = first(collection)
    return None if item is None else field(item, property)


@function("AggregateFeatureCollection.histogram")
def aggregate_histogram(collection: Collection, property: str) -> dict[str, int]:
    """Value to number of elements."""
    counts: dict[str, int] = {}
    for value in _values(collection, property):
        key = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        counts[key] = counts.get(key, 0) + 1
    return {key: counts[key] for key in sorted(counts)}


_AGGREGATES: dict[str, Callable[[Any], float]] = {
    "sum": np.sum,
    "mean": np.mean,
    "product": np.prod,
    "total_sd": np.std,
    "total_var": np.var,
    "sample_sd": lambda values: float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
    "sample_var": lambda values: float(np.var(values, ddof=1)) if len(values) > 1 else math.nan,
}


def _register_aggregate(name: str, aggregate: Callable[[Any], float]) -> None:
    def call(collection: Collection, property: str) -> float | None:
        values = _numbers(collection, property, name)
        if not len(values):
            return 0 if name == "sum" else None
        return float(aggregate(values))

    function(f"AggregateFeatureCollection.{name}")(call)


def _numbers(collection: Collection, property: str, name: str) -> Any:
    values = _values(collection, property)
    wrong = [value for value in values if not isinstance(value, int | float)]
    if wrong:
        raise invalid(f"Collection.aggregate_{name}: Property '{property}' is not a number: {wrong[0]!r}.")
    return np.array(values, dtype="float64")


for _name, _aggregate in _AGGREGATES.items():
    _register_aggregate(_name, _aggregate)


@function("AggregateFeatureCollection.min")
def aggregate_min(collection: Collection, property: str) -> Any:
    """The least value."""
    return min(_values(collection, property), default=None)


@function("AggregateFeatureCollection.max")
def aggregate_max(collection: Collection, property: str) -> Any:
    """The greatest value."""
    return max(_values(collection, property), default=None)


@function("AggregateFeatureCollection.stats")
def aggregate_stats(collection: Collection, property: str) -> dict[str, Any]:
    """Count, sum, mean, extremes and deviations."""
    values = _numbers(collection, property, "stats")
    names = {"sum": "sum", "mean": "mean", "total_sd": "total_sd", "total_var": "total_var"}
    names |= {"sample_sd": "sample_sd", "sample_var": "sample_var"}
    shown: dict[str, Any] = {
        key: float(_AGGREGATES[name](values)) if len(values) else None for key, name in names.items()
    }
    squares = {"sum_sq": float((values**2).sum()), "valid_count": len(values), "total_count": len(collection.elements)}
    extremes = {"min": float(values.min()), "max": float(values.max())} if len(values) else {"min": None, "max": None}
    return {**shown, **squares, **extremes, "weight_sum": len(values), "weighted_sum": shown["sum"]}
