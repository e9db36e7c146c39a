"""Which band of an image is which of a model's: by name, by what the user says, or by order where nothing tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class BandError(ValueError):
    """Bands that cannot be told apart, or that are missing; the text says which, and what to do."""


@dataclass(frozen=True)
class Matching:
    """What was found.

    Attributes:
        places: Of each band of the model, in its order, the place among the image's bands, from 0.
        told: The same in a sentence.
    """

    places: tuple[int, ...]
    told: str


def matched(names: Sequence[str], bands: Sequence[str], said: Mapping[str, str], image: str) -> Matching:
    """Finds each band of a model among those of an image.

    Args:
        names: Of the image's bands, in order; empty where the file names one not.
        bands: That the model takes.
        said: By band of the model: the name or the number, from 1, of the image's band, as the user gave it.
        image: What the image is called, for errors.

    Raises:
        BandError: One is missing or ambiguous.
    """
    unknown = sorted(set(said) - set(bands))
    if unknown:
        raise BandError(f"--input {unknown[0]}=…: the model takes no band {unknown[0]}; it takes {', '.join(bands)}")
    chosen = {band: _said(names, band, said[band], image) for band in said}
    rest = [band for band in bands if band not in chosen]
    if rest and not any(names):
        return _by_order(names, bands, rest, chosen, image)
    missing = []
    for band in rest:
        place = _named(names, band, image)
        if place is None:
            missing.append(band)
        else:
            chosen[band] = place
    if missing:
        raise BandError(
            f"{image} has no band {', '.join(missing)}; it has {_listed(names)}, the model takes {', '.join(bands)}. "
            f"Say which band is which, such as --input {missing[0]}=NUMBER, or name them in the file: `gdal_edit.py` "
            "sets descriptions"
        )
    return Matching(tuple(chosen[band] for band in bands), f"bands by name: {_pairs(names, bands, chosen)}")


def _by_order(
    names: Sequence[str], bands: Sequence[str], rest: Sequence[str], chosen: dict[str, int], image: str
) -> Matching:
    """No band has a name: the order decides where nothing was said at all and the number fits."""
    if chosen:
        raise BandError(
            f"--input says nothing of {', '.join(rest)}, and the bands of {image} have no names: say it of every band"
        )
    if len(names) != len(bands):
        raise BandError(
            f"{image} has {len(names)} bands without names, the model takes {len(bands)}: {', '.join(bands)}. Say "
            f"which band is which: {' '.join(f'--input {band}=NUMBER' for band in bands[:2])} …"
        )
    places = {band: place for place, band in enumerate(bands)}
    told = f"bands by order, since {image} names none: {_pairs(names, bands, places)}"
    return Matching(tuple(range(len(bands))), told)


def _said(names: Sequence[str], band: str, text: str, image: str) -> int:
    if text in names:
        return _named(names, text, image) or 0
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(names):
        return int(text) - 1
    raise BandError(f"--input {band}={text}: {image} has no such band; it has {_listed(names)}")


def _named(names: Sequence[str], name: str, image: str) -> int | None:
    """The place of a name; upper and lower case are the same only where no name is equal to the letter."""
    for fits in (str, str.casefold):
        places = [place for place, each in enumerate(names) if each and fits(each) == fits(name)]
        if len(places) > 1:
            numbers = " and ".join(str(place + 1) for place in places)
            raise BandError(f"{image} has several bands {name}: {numbers}. Choose by --input {name}={places[0] + 1}")
        if places:
            return places[0]
    return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"{place} {name}".rstrip() for place, name in enumerate(names, start=1))


def _pairs(names: Sequence[str], bands: Sequence[str], places: Mapping[str, int]) -> str:
    pairs = []
    for band in bands:
        place, name = places[band], names[places[band]]
        pairs.append(f"{band} = {place + 1}" + (f" ({name})" if name and name != band else ""))
    return ", ".join(pairs)
