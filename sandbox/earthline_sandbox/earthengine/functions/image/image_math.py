"""Per-pixel arithmetic, comparison, logic, bits and functions of images, with Earth Engine's band pairing and types."""

from collections.abc import Callable

import numpy as np
from scipy import special

from earthline_sandbox.earthengine.arrays import arrays
from earthline_sandbox.earthengine.language.coerce import NAMED_TYPES
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.cells import per_pixel
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, combined
from earthline_sandbox.earthengine.values.values import INDEX, Image
from earthline_sandbox.errors import invalid

Operation = Callable[[Array, Array], Array]
TypeRule = Callable[[PixelType, PixelType], PixelType]


def computed(first: Image, bands: list[Band], second: Image | None = None) -> Image:
    """The result of arithmetic: it keeps the index and the footprint of its inputs, and no other property."""
    footprint = first.footprint
    if footprint is None and second is not None and (not first.bands or first.bands[0].size is None):
        footprint = second.footprint
    kept = {INDEX: first.properties[INDEX]} if INDEX in first.properties else {}
    return Image(bands=tuple(bands), properties=kept, footprint=footprint)


def pairs(name: str, first: Image, second: Image) -> list[tuple[str, Band, Band]]:
    """Bands matched as Earth Engine matches them: one against all, by name where names agree, else by position."""
    one, two = first.bands, second.bands
    if (not one) != (not two):
        raise invalid(
            f"{name}: If one image has no bands, the other must also have no bands. Got {len(one)} and {len(two)}."
        )
    if len(two) == 1 and len(one) != 1:
        return [(band.name, band, two[0]) for band in one]
    if len(one) == 1 and len(two) != 1:
        return [(band.name, one[0], band) for band in two]
    if len(one) == len(two):
        if set(first.names) == set(second.names):
            return [(band.name, band, second.band(band.name)) for band in one]
        return [(left.name, left, right) for left, right in zip(one, two, strict=True)]
    shared = [band for band in one if band.name in second.names]
    if not shared:
        raise invalid(
            f"{name}: The images must have the same number of bands, or one of them a single one, or bands of the "
            f"same name. Got {first.shown_names()} and {second.shown_names()}."
        )
    return [(band.name, band, second.band(band.name)) for band in shared]


def joined(name: str, left: Band, right: Band, pixel_type: PixelType, operation: Operation) -> Band:
    """One band of two: its mask is the lesser of theirs, its projection the left one's unless that is a constant."""

    def source(grid: Grid) -> Pixels:
        one, two = left.fetch(grid, ragged=True), right.fetch(grid, ragged=True)
        if pixel_type.dimensions:
            return per_pixel("Image", pixel_type, on_arrays, [one, two])
        first, second = one.values, two.values
        with np.errstate(all="ignore"):
            values = pixel_type.converted(np.asarray(operation(first, second)))
        return Pixels(values, combined(one.mask, two.mask))

    def on_arrays(first: Array, second: Array) -> Array:
        return np.asarray(operation(*arrays.aligned(first, second)))

    base = right if left.constant and not right.constant else left
    return Band(name, pixel_type, base.projection, source, base.size, base.origin, left.constant and right.constant)


def aligned(first: Array, second: Array) -> tuple[Array, Array]:
    """Makes numbers broadcast against array pixels."""
    while first.ndim < second.ndim:
        first = first[..., None]
    while second.ndim < first.ndim:
        second = second[..., None]
    return first, second


def mapped(band: Band, pixel_type: PixelType, operation: Callable[[Array], Array]) -> Band:
    """One band of one, value by value."""

    def source(grid: Grid) -> Pixels:
        pixels = band.fetch(grid, ragged=True)
        if pixels.values.dtype == object:
            return per_pixel("Image", pixel_type, lambda batch: np.asarray(operation(batch)), [pixels])
        with np.errstate(all="ignore"):
            return Pixels(pixel_type.converted(np.asarray(operation(pixels.values))), pixels.mask)

    return band.derived(source, pixel_type)


def union_type(one: PixelType, two: PixelType) -> PixelType:
    """The narrowest type of both."""
    return one.union(two)


def real_type(one: PixelType, two: PixelType) -> PixelType:
    """Double where either is, else float, whatever the range."""
    return PixelType("double" if "double" in (one.precision, two.precision) else "float", None, None, _axes(one, two))


def _axes(one: PixelType, two: PixelType) -> int:
    return max(one.dimensions, two.dimensions)


def _boolean_type(one: PixelType, two: PixelType) -> PixelType:
    return PixelType("int", 0, 1, _axes(one, two))


def _whole_type(one: PixelType, two: PixelType) -> PixelType:
    """The full range of the integer type that holds both."""
    if one.precision != "int" or two.precision != "int":
        raise invalid("Bitwise operands must be integer only.")
    full = PixelType.of_dtype(one.union(two).dtype.name)
    return PixelType("int", full.minimum, full.maximum, _axes(one, two))


def _interval(corners: Callable[[float, float], float]) -> TypeRule:
    """A rule for operations whose extremes lie at the extremes of their operands."""

    def rule(one: PixelType, two: PixelType) -> PixelType:
        union = one.union(two)
        if None in (one.minimum, one.maximum, two.minimum, two.maximum):
            return PixelType(union.precision, None, None, union.dimensions)
        found = [corners(a, b) for a in (one.minimum, one.maximum) for b in (two.minimum, two.maximum)]  # type: ignore[arg-type]  # None is excluded above
        low, high = min(found), max(found)
        if union.precision == "int":
            low, high = max(low, -(2**63)), min(high, 2**63 - 1)
        return PixelType(union.precision, low, high, union.dimensions)

    return rule


_sum_type = _interval(lambda a, b: a + b)
_difference_type = _interval(lambda a, b: a - b)
_product_type = _interval(lambda a, b: a * b)
_least_type = _interval(min)
_greatest_type = _interval(max)


def _quotient_type(one: PixelType, two: PixelType) -> PixelType:
    real = real_type(one, two)
    if two.minimum is None or two.maximum is None or two.minimum <= 0 <= two.maximum:
        return real
    bounds = _interval(lambda a, b: a / b)(one, two)
    if bounds.minimum is None or bounds.maximum is None:
        return real
    low, high = np.array([bounds.minimum, bounds.maximum], real.dtype).tolist()
    return PixelType(real.precision, low, high, real.dimensions)


def _shifted_type(one: PixelType, two: PixelType) -> PixelType:
    whole = _whole_type(one, two)
    if None in (one.minimum, one.maximum, two.maximum) or not 0 <= (two.maximum or 0) < 32:
        return PixelType("int", -(2**63), 2**63 - 1, whole.dimensions)
    shift = int(two.maximum or 0)
    low, high = int(one.minimum or 0) << shift, int(one.maximum or 0) << shift
    return PixelType("int", min(low, 0), min(max(high, 0), 2**63 - 1), whole.dimensions)


def _wide(operation: Operation, rule: TypeRule) -> Operation:
    """Computes in a type that holds the result: the range of the operands decides, so nothing wraps around."""

    def widened(one: Array, two: Array) -> Array:
        kind = np.result_type(one, two, np.int64 if one.dtype.kind in "iub" and two.dtype.kind in "iub" else one.dtype)
        return operation(one.astype(kind, copy=False), two.astype(kind, copy=False))

    return widened


def _exact(operation: Operation) -> Operation:
    """Computes integers as doubles, and floats as they are."""

    def real(one: Array, two: Array) -> Array:
        single = one.dtype == two.dtype == np.float32
        kind = np.dtype("float32" if single else "float64")
        return operation(one.astype(kind, copy=False), two.astype(kind, copy=False))

    return real


def quotient(one: Array, two: Array) -> Array:
    """One divided by two, and 0 where two is 0."""
    return np.divide(one, two, out=np.zeros(np.broadcast_shapes(one.shape, two.shape), one.dtype), where=two != 0)


def _remainder(one: Array, two: Array) -> Array:
    """The remainder with the sign of the dividend, and 0 where the divisor is 0."""
    return np.fmod(one, two, out=np.zeros(np.broadcast_shapes(one.shape, two.shape), one.dtype), where=two != 0)


def _shift_left(one: Array, two: Array) -> Array:
    return np.asarray(np.left_shift(one.astype("int64"), np.clip(two.astype("int64"), 0, 63)))


def _shift_right(one: Array, two: Array) -> Array:
    return np.asarray(np.right_shift(one.astype("int64"), np.clip(two.astype("int64"), 0, 63)))


BINARY: dict[str, tuple[Operation, TypeRule]] = {
    "add": (_wide(np.add, _sum_type), _sum_type),
    "subtract": (_wide(np.subtract, _difference_type), _difference_type),
    "multiply": (_wide(np.multiply, _product_type), _product_type),
    "divide": (_exact(quotient), _quotient_type),
    "mod": (_wide(_remainder, union_type), union_type),
    "min": (np.minimum, _least_type),
    "max": (np.maximum, _greatest_type),
    "pow": (_exact(np.power), real_type),
    "hypot": (_exact(np.hypot), real_type),
    # Earth Engine's atan2 takes x first.
    "atan2": (_exact(lambda x, y: np.arctan2(y, x)), real_type),
    # Earth Engine's gammainc takes x first, and the shape second.
    "gammainc": (_exact(lambda x, shape: special.gammainc(shape, x)), real_type),
    "eq": (np.equal, _boolean_type),
    "neq": (np.not_equal, _boolean_type),
    "lt": (np.less, _boolean_type),
    "lte": (np.less_equal, _boolean_type),
    "gt": (np.greater, _boolean_type),
    "gte": (np.greater_equal, _boolean_type),
    "and": (np.logical_and, _boolean_type),
    "or": (np.logical_or, _boolean_type),
    "bitwiseAnd": (np.bitwise_and, _whole_type),
    "bitwise_and": (np.bitwise_and, _whole_type),
    "bitwiseOr": (np.bitwise_or, _whole_type),
    "bitwise_or": (np.bitwise_or, _whole_type),
    "bitwiseXor": (np.bitwise_xor, _whole_type),
    "bitwise_xor": (np.bitwise_xor, _whole_type),
    "leftShift": (_shift_left, _shifted_type),
    "left_shift": (_shift_left, _shifted_type),
    "rightShift": (_shift_right, _whole_type),
    "right_shift": (_shift_right, _whole_type),
}


def binary(name: str, image1: Image, image2: Image) -> Image:
    """A binary operation of two images, by the second part of its Earth Engine name."""
    operation, rule = BINARY[name]
    bands = [
        joined(out, left, right, rule(left.pixel_type, right.pixel_type), operation)
        for out, left, right in pairs(f"Image.{name}", image1, image2)
    ]
    return computed(image1, bands, image2)


def _real(value: PixelType) -> PixelType:
    return PixelType("double" if value.precision == "double" else "float", None, None, value.dimensions)


def _as_is(value: PixelType) -> PixelType:
    return value


def _magnitude(value: PixelType) -> PixelType:
    if value.minimum is None or value.maximum is None:
        return PixelType(value.precision, 0, None, value.dimensions)
    crosses = value.minimum <= 0 <= value.maximum
    low = 0 if crosses else min(abs(value.minimum), abs(value.maximum))
    return PixelType(value.precision, low, max(abs(value.minimum), abs(value.maximum)), value.dimensions)


def _boolean(value: PixelType) -> PixelType:
    return PixelType("int", 0, 1, value.dimensions)


def _whole(value: PixelType) -> PixelType:
    return _whole_type(value, value)


def _doubles(operation: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Computes integers as doubles."""
    return lambda values: operation(values if values.dtype.kind == "f" else values.astype("float64"))


def _digamma(values: Array) -> Array:
    """The digamma function, minus infinity at its poles: https://developers.google.com/earth-engine/apidocs/ee-number-digamma."""
    found = special.digamma(values)
    return np.asarray(np.where((values <= 0) & (values == np.floor(values)), -np.inf, found), found.dtype)


def _rounded(values: Array) -> Array:
    """The nearest whole number, halves away from zero."""
    return values if values.dtype.kind != "f" else np.sign(values) * np.floor(np.abs(values) + 0.5)


def _bit_count(values: Array) -> Array:
    return np.asarray(np.bitwise_count(values.astype("int64").view("uint64")))


def _lanczos(values: Array) -> Array:
    """Lanczos' sum for the gamma function with g = 607/128, of which it is an exact form.

    `gamma(x + 1) = sqrt(2 pi) * (x + g + 1/2) ** (x + 1/2) * exp(-(x + g + 1/2)) * sum(x)`; Apache Commons Math, whose
    names these functions of Earth Engine have, computes that sum as `Gamma.lanczos`.
    """
    shifted = values + 607 / 128 + 0.5
    logarithm = special.gammaln(values + 1) + shifted - (values + 0.5) * np.log(shifted)
    return np.asarray(special.gammasgn(values + 1) * np.exp(logarithm) / np.sqrt(2 * np.pi))


UNARY: dict[str, tuple[Callable[[Array], Array], Callable[[PixelType], PixelType]]] = {
    "abs": (lambda values: np.abs(values.astype("int64") if values.dtype.kind == "i" else values), _magnitude),
    "ceil": (np.ceil, _as_is),
    "floor": (np.floor, _as_is),
    "round": (_rounded, _as_is),
    "signum": (lambda values: np.sign(values.astype("float64")), lambda t: PixelType(t.precision, -1, 1, t.dimensions)),
    "not": (lambda values: values == 0, _boolean),
    "bitwiseNot": (
        lambda values: np.invert(values.astype("int64")),
        lambda t: PixelType("int", -(2**63), 2**63 - 1, t.dimensions),
    ),
    "bitCount": (_bit_count, lambda t: PixelType("int", 0, 64, t.dimensions)),
    "sqrt": (_doubles(np.sqrt), _real),
    "cbrt": (_doubles(np.cbrt), _real),
    "exp": (_doubles(np.exp), _real),
    "log": (_doubles(np.log), _real),
    "log10": (_doubles(np.log10), _real),
    "sin": (_doubles(np.sin), _real),
    "cos": (_doubles(np.cos), _real),
    "tan": (_doubles(np.tan), _real),
    "asin": (_doubles(np.arcsin), _real),
    "acos": (_doubles(np.arccos), _real),
    "atan": (_doubles(np.arctan), _real),
    "sinh": (_doubles(np.sinh), _real),
    "cosh": (_doubles(np.cosh), _real),
    "tanh": (_doubles(np.tanh), _real),
    "erf": (_doubles(special.erf), _real),
    "erfc": (_doubles(special.erfc), _real),
    "erfInv": (_doubles(special.erfinv), _real),
    "erfcInv": (_doubles(special.erfcinv), _real),
    "gamma": (_doubles(special.gamma), _real),
    "digamma": (_doubles(_digamma), _real),
    "trigamma": (_doubles(lambda values: special.polygamma(1, values)), _real),
    "lanczos": (_doubles(_lanczos), _real),
}

#: Names of the functions that convert to a type, of images, numbers and arrays alike.
CASTS = {
    "uint8": ("uint8", "toUint8", "byte", "toByte"),
    "int8": ("int8", "toInt8"),
    "uint16": ("uint16", "toUint16"),
    "int16": ("int16", "toInt16", "short", "toShort"),
    "uint32": ("uint32", "toUint32"),
    "int32": ("int32", "toInt32", "int", "toInt"),
    "int64": ("int64", "toInt64", "long", "toLong"),
    "float": ("float", "toFloat"),
    "double": ("double", "toDouble"),
}


def cast(band: Band, pixel_type: PixelType) -> Band:
    """A band as another type: integers are cut towards zero and held to the new range."""
    dimensions = band.pixel_type.dimensions
    target = PixelType(pixel_type.precision, pixel_type.minimum, pixel_type.maximum, dimensions)

    def held(values: Array) -> Array:
        if target.precision != "int" or values.dtype.kind == "f":
            return values
        # Both ends must exist in the values' own type for the comparison to be exact.
        own, info = np.iinfo(values.dtype), np.iinfo(target.dtype)
        return np.clip(values, max(own.min, info.min), min(own.max, info.max))

    return mapped(band, target, held)


def _register_binary(name: str) -> None:
    def call(image1: Image, image2: Image) -> Image:
        return binary(name, image1, image2)

    function(f"Image.{name}")(call)


def _register_unary(name: str) -> None:
    operation, rule = UNARY[name]

    def call(value: Image) -> Image:
        return computed(value, [mapped(band, rule(band.pixel_type), operation) for band in value.bands])

    names = [f"Image.{name}"] + (["Image.bitwise_not"] if name == "bitwiseNot" else [])
    function(*names)(call)


def _register_cast(name: str) -> None:
    def call(value: Image) -> Image:
        return value.with_bands(cast(band, NAMED_TYPES[name]) for band in value.bands)

    function(*(f"Image.{alias}" for alias in CASTS[name]))(call)


for _name in BINARY:
    _register_binary(_name)
for _name in UNARY:
    _register_unary(_name)
for _name in CASTS:
    _register_cast(_name)


@function("Image.first")
def first(image1: Image, image2: Image) -> Image:
    """The first image's value wherever both are valid."""
    matched = pairs("Image.first", image1, image2)
    return computed(image1, [joined(n, a, b, a.pixel_type, lambda x, y: x) for n, a, b in matched], image2)


@function("Image.firstNonZero", "Image.first_nonzero")
def first_non_zero(image1: Image, image2: Image) -> Image:
    """The first image's value, or the second's where that is zero."""
    matched = pairs("Image.firstNonZero", image1, image2)
    return computed(
        image1,
        [joined(n, a, b, a.pixel_type.union(b.pixel_type), lambda x, y: np.where(x != 0, x, y)) for n, a, b in matched],
        image2,
    )


@function("Image.clamp")
def clamp(input: Image, low: float, high: float) -> Image:
    """Holds values to a range."""
    if low > high:
        raise invalid(f"Image.clamp: 'low' ({low}) must not be greater than 'high' ({high}).")

    def limited(band: Band) -> Band:
        kind = band.pixel_type
        minimum = low if kind.minimum is None else min(max(kind.minimum, low), high)
        maximum = high if kind.maximum is None else max(min(kind.maximum, high), low)
        whole = float(low).is_integer() and float(high).is_integer()
        precision = kind.precision if kind.precision != "int" or whole else "double"
        if precision == "int":
            minimum, maximum = int(minimum), int(maximum)
        bounded = PixelType(precision, minimum, maximum, kind.dimensions)
        return mapped(band, bounded, lambda values: np.clip(values.astype("float64"), low, high))

    return input.with_bands(limited(band) for band in input.bands)


@function("Image.unitScale")
def unit_scale(input: Image, low: float, high: float) -> Image:
    """Scales so that `low` becomes 0 and `high` 1, without clamping."""
    if low == high:
        raise invalid("Image.unitScale: 'low' and 'high' must differ.")

    def scaled(values: Array) -> Array:
        return (values.astype("float64") - low) / (high - low)

    return input.with_bands(mapped(band, _real(band.pixel_type), scaled) for band in input.bands)


@function("Image.normalizedDifference")
def normalized_difference(input: Image, band_names: list[str] | None) -> Image:
    """(first - second) / (first + second); masked where either is negative, 0 where both are 0."""
    names = band_names or input.names[:2]
    if len(names) != 2:
        raise invalid(f"Image.normalizedDifference: exactly two bands are needed, got {len(names)}.")
    one, two = (input.band(name).number("Image.normalizedDifference") for name in names)
    kind = PixelType("float", -1, 1)

    def source(grid: Grid) -> Pixels:
        left, right = one.fetch(grid), two.fetch(grid)
        a, b = left.values.astype("float64"), right.values.astype("float64")
        with np.errstate(all="ignore"):
            values = quotient(a - b, a + b)
        # A comparison with NaN is false, so NaN stays valid and visible.
        return Pixels(values.astype("float32"), combined(left.mask, right.mask, ~((a < 0) | (b < 0))))

    return computed(input, [one.derived(source, kind, "nd")])
