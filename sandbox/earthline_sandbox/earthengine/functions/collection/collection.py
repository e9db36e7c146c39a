"""Collections: filtered, mapped, ordered, and made into one another."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from earthline_sandbox.earthengine.functions.collection.filters import Filter, field
from earthline_sandbox.earthengine.functions.geometry.geometry_changes import bounds as bounds_of
from earthline_sandbox.earthengine.functions.image.image_bands import add_bands
from earthline_sandbox.earthengine.language.coerce import coerce, footprint
from earthline_sandbox.earthengine.language.registry import Context, function
from earthline_sandbox.earthengine.language.results import to_json
from earthline_sandbox.earthengine.pixels.geodesics import joined
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.pixels.random import fractions, normals
from earthline_sandbox.earthengine.values.values import INDEX, Collection, Date, Feature, Geometry, Image, LazySequence
from earthline_sandbox.errors import invalid


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
