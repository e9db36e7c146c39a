"""Other values for some pixels of an image: by a test, by a table, by a choice."""

from typing import Any

import numpy as np

from earthline_sandbox.earthengine.functions.image.math.bandwise import computed, pairs
from earthline_sandbox.earthengine.language.coerce import number
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Band, Pixels, PixelType, combined
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid


@function("Image.where")
def where(input: Image, test: Image, value: Image) -> Image:
    """Replaces pixels where the test is valid and not zero and the value is valid."""
    tests = _matching(input, test, "test")
    values = _matching(input, value, "value")
    return input.with_bands(_replaced(band, tests[index], values[index]) for index, band in enumerate(input.bands))


def _matching(input: Image, other: Image, argument: str) -> list[Band]:
    if len(other.bands) == 1:
        return list(other.bands) * len(input.bands)
    if len(other.bands) != len(input.bands):
        raise invalid(
            f"Image.where: '{argument}' must have one band or as many as 'input' ({len(input.bands)}), "
            f"got {len(other.bands)}."
        )
    return list(other.bands)


def _replaced(band: Band, test: Band, value: Band) -> Band:
    kind = band.pixel_type.union(value.pixel_type)
    check_numbers("Image.where", test)
    if band.pixel_type.dimensions != value.pixel_type.dimensions:
        raise invalid("Image.where: the pixels of 'input' and 'value' must have the same number of dimensions.")

    def source(grid: Grid) -> Pixels:
        base, tested, new = band.fetch(grid), test.fetch(grid), value.fetch(grid)
        chosen = (tested.mask > 0) & (new.mask > 0) & (tested.values != 0) & (base.mask > 0)
        wide = chosen.reshape(chosen.shape + (1,) * kind.dimensions)
        values = np.where(wide, kind.converted(new.values), kind.converted(base.values))
        return Pixels(values, base.mask)

    return band.derived(source, kind)


def check_numbers(name: str, *bands: Band) -> None:
    """Raises ApiError where a band has arrays as pixels."""
    for band in bands:
        if band.pixel_type.dimensions:
            raise invalid(f"{name}: the pixels of band '{band.name}' must be numbers, not arrays.")


def choice(test: Image, yes: Image, no: Image) -> Image:
    """One image's pixels where a test is not 0 and another's where it is; masked as the test and the chosen are."""
    branches = pairs("Image.expression", yes, no)
    tests = list(test.bands) * len(branches) if len(test.bands) == 1 else list(test.bands)
    if len(branches) == 1 and len(tests) > 1:
        branches = branches * len(tests)
    if len(tests) != len(branches):
        raise invalid(f"Image.expression: a test of {len(tests)} bands chooses between images of {len(branches)}.")
    made = [_chosen(name, by, one, two) for by, (name, one, two) in zip(tests, branches, strict=True)]
    return computed(test, made, yes)


def _chosen(name: str, test: Band, yes: Band, no: Band) -> Band:
    kind = yes.pixel_type.union(no.pixel_type)
    check_numbers("Image.expression", test, yes, no)

    def source(grid: Grid) -> Pixels:
        tested, one, two = test.fetch(grid), yes.fetch(grid), no.fetch(grid)
        true = tested.values != 0
        values = np.where(true, kind.converted(one.values), kind.converted(two.values))
        return Pixels(values, combined(tested.mask, np.where(true, one.mask, two.mask)))

    return test.derived(source, kind, name)


@function("Image.remap")
def remap(
    image: Image, from_: list[Any], to: list[Any], default_value: Any = None, band_name: str | None = None
) -> Image:
    """Maps listed values to others; the rest becomes the default, or masked."""
    if len(from_) != len(to):
        raise invalid(
            f"Image.remap: The 'from' and 'to' arguments must be lists of the same length. "
            f"Got lists of length {len(from_)} and {len(to)}."
        )
    band = image.band(band_name) if band_name is not None else image.bands[0]
    from_, to = [number(item) for item in from_], [number(item) for item in to]
    default_value = None if default_value is None else number(default_value)
    check_numbers("Image.remap", band)
    keys = np.asarray(from_, "float64")
    order = np.argsort(keys, kind="stable")
    keys, results = keys[order], np.asarray(to, "float64")[order]
    made = [*to, *([] if default_value is None else [default_value])]
    whole = all(float(item).is_integer() for item in made)
    kind = PixelType("int", int(min(made)), int(max(made))) if made and whole else PixelType("double")

    def source(grid: Grid) -> Pixels:
        pixels = band.fetch(grid)
        values = pixels.values.astype("float64")
        if not len(keys):
            position, found = np.zeros(values.shape, np.intp), np.zeros(values.shape, bool)
            mapped_values = np.zeros(values.shape)
        else:
            position = np.minimum(np.searchsorted(keys, values), len(keys) - 1)
            found = keys[position] == values
            mapped_values = results[position]
        if default_value is None:
            return Pixels(kind.converted(mapped_values), combined(pixels.mask, found))
        return Pixels(kind.converted(np.where(found, mapped_values, default_value)), pixels.mask)

    return image.with_bands([band.derived(source, kind, "remapped")])
