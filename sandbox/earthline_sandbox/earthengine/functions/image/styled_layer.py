"""Rasters styled by a document of OGC's Styled Layer Descriptor.

https://developers.google.com/earth-engine/apidocs/ee-image-sldstyle; https://www.ogc.org/standard/sld/. The document
is read without entities, so that it can neither grow nor read other files.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from earthline_sandbox.earthengine.functions.image.display import colours
from earthline_sandbox.earthengine.functions.image.lattice import numbers
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.pixels.pixels import BYTE, Array, Band, Pixels, combined
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

_NAME = "Image.sldStyle"
_LONGEST = 1_000_000
_COLOURS = ("vis-red", "vis-green", "vis-blue")
_KINDS = ("ramp", "intervals", "values")


@dataclass(frozen=True)
class _Entries:
    """A colour map: values in ascending order, a colour (rows of 0 to 255) and whether it is visible for each."""

    kind: str
    quantities: Array
    colours: Array
    visible: Array

    def channel(self, values: Array, place: int) -> tuple[Array, Array]:
        """(red, green or blue of every value, where there is one)."""
        table, last = self.colours[:, place], len(self.quantities) - 1
        if self.kind == "ramp":
            nearest = np.clip(np.searchsorted(self.quantities, values, side="right") - 1, 0, last)
            return np.interp(values, self.quantities, table), self.visible[nearest]
        if self.kind == "intervals":
            # An entry colours what is less than its quantity, down to the one before it.
            chosen = np.searchsorted(self.quantities, values, side="right")
            known = chosen <= last
        else:
            chosen = np.searchsorted(self.quantities, values)
            known = (chosen <= last) & (self.quantities[np.minimum(chosen, last)] == values)
        chosen = np.minimum(chosen, last)
        return table[chosen], known & self.visible[chosen]


def _local(element: ElementTree.Element) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _child(element: ElementTree.Element | None, name: str) -> ElementTree.Element | None:
    return None if element is None else next((item for item in element if _local(item) == name), None)


def _text(element: ElementTree.Element | None) -> str | None:
    return element.text.strip() if element is not None and element.text else None


def _symbolizer(document: str) -> ElementTree.Element:
    if len(document) > _LONGEST:
        raise invalid(f"{_NAME}: the document has more than {_LONGEST} characters.")
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", document, re.IGNORECASE):
        raise invalid(f"{_NAME}: the document must not declare a DOCTYPE or entities.")
    # A fragment may use the prefixes of a document that it was cut from.
    plain = re.sub(r"(</?)[A-Za-z_][\w.-]*:", r"\1", document)
    try:
        root = ElementTree.fromstring(plain.strip())
    except ElementTree.ParseError as error:
        raise invalid(f"{_NAME}: the document is not well-formed XML: {error}.") from error
    found = [element for element in root.iter() if _local(element) == "RasterSymbolizer"]
    if len(found) != 1:
        raise invalid(f"{_NAME}: Exactly one RasterSymbolizer is required, found {len(found)}.")
    return found[0]


def _number(text: str | None, what: str) -> float:
    try:
        return float(text if text is not None else "")
    except ValueError as error:
        raise invalid(f"{_NAME}: {what} must be a number, got {text!r}.") from error


def _entries(colour_map: ElementTree.Element) -> _Entries:
    kind = colour_map.get("type", "ramp")
    if kind not in _KINDS:
        raise invalid(f"{_NAME}: a ColorMap's type must be one of {', '.join(_KINDS)}, not '{kind}'.")
    rows = []
    for element in colour_map:
        if _local(element) != "ColorMapEntry":
            raise invalid(f"{_NAME}: the sandbox reads ColorMapEntry elements in a ColorMap, not {_local(element)}.")
        opacity = element.get("opacity")
        visible = opacity is None or _number(opacity, "an entry's opacity") != 0
        rows.append((_number(element.get("quantity"), "an entry's quantity"), element.get("color", ""), visible))
    if not rows:
        raise invalid(f"{_NAME}: the ColorMap has no entries.")
    rows.sort(key=lambda row: row[0])
    return _Entries(
        kind,
        np.array([row[0] for row in rows]),
        colours([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
    )


def _chosen(image: Image, channel: ElementTree.Element | None) -> Band:
    """The band of a channel: by its name, else by its number from 1."""
    name = _text(_child(channel, "SourceChannelName")) or "1"
    if name in image.names:
        return image.band(name)
    if name.isdecimal() and 1 <= int(name) <= len(image.bands):
        return image.bands[int(name) - 1]
    raise invalid(f"{_NAME}: no band '{name}'; the image has {image.shown_names()}.")


def _gamma(*places: ElementTree.Element | None) -> float:
    """The gamma of the first of the contrast enhancements that is there."""
    for place in places:
        enhancement = _child(place, "ContrastEnhancement")
        if enhancement is None:
            continue
        for item in enhancement:
            if _local(item) != "GammaValue":
                raise invalid(f"{_NAME}: the sandbox does not implement the contrast enhancement '{_local(item)}'.")
        value = _number(_text(_child(enhancement, "GammaValue")) or "1", "GammaValue")
        if not value > 0:
            raise invalid(f"{_NAME}: GammaValue must be positive, got {value}.")
        return value
    return 1.0


@function("Image.sldStyle")
def sld_style(input: Image, sld_xml: str) -> Image:
    """Red, green and blue of three bands, of one as grey, or of one through a colour map."""
    if not input.bands:
        raise invalid(f"{_NAME}: The image has no bands.")
    symbolizer = _symbolizer(sld_xml)
    opacity = _text(_child(symbolizer, "Opacity"))
    shown = opacity is None or _number(opacity, "Opacity") != 0
    selection, colour_map = _child(symbolizer, "ChannelSelection"), _child(symbolizer, "ColorMap")
    parts = [_child(selection, f"{colour}Channel") for colour in ("Red", "Green", "Blue")]
    grey = _child(selection, "GrayChannel")
    if colour_map is None and selection is None and len(input.bands) >= 3:
        return input.with_bands(
            _plain(band, name, _gamma(symbolizer), shown) for band, name in zip(input.bands[:3], _COLOURS, strict=True)
        )
    if all(part is not None for part in parts):
        return input.with_bands(
            _plain(_chosen(input, part), name, _gamma(part, symbolizer), shown)
            for part, name in zip(parts, _COLOURS, strict=True)
        )
    band = _chosen(input, grey)
    if colour_map is None:
        return input.with_bands(_plain(band, name, _gamma(grey, symbolizer), shown) for name in _COLOURS)
    entries = _entries(colour_map)
    return input.with_bands(
        band.derived(_mapped(band, entries, place, shown), BYTE, name) for place, name in enumerate(_COLOURS)
    )


def _plain(band: Band, name: str, gamma: float, shown: bool) -> Band:
    def source(grid: Grid) -> Pixels:
        pixels = numbers(_NAME, band, grid)
        share = np.clip(np.nan_to_num(pixels.values.astype("float64")) / 255, 0, 1) ** (1 / gamma)
        return Pixels(np.floor(share * 255 + 0.5).astype("uint8"), combined(pixels.mask, np.full(grid.shape, shown)))

    return band.derived(source, BYTE, name)


def _mapped(band: Band, entries: _Entries, place: int, shown: bool) -> Callable[[Grid], Pixels]:
    def source(grid: Grid) -> Pixels:
        pixels = numbers(_NAME, band, grid)
        values, known = entries.channel(pixels.values.astype("float64"), place)
        return Pixels(np.floor(values + 0.5).astype("uint8"), combined(pixels.mask, known & shown))

    return source
