"""Whether Earth Engine gives an endpoint the pixels that the model was trained on: asked on every run, before the map.

Training patches came by one road, `computePixels`; what an endpoint receives comes by another, `predictImage`. On the
places of some patches of the examples three things have to be equal:

- the patch as it is stored, and what the export would fetch now, band by band;
- that, and the network input of predictions, band by band;
- the endpoint's answer through Earth Engine, and what the trained model gives for the stored patch. For this one
  question a tile is laid exactly over the patch, so that the endpoint receives the patch's pixels and no others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ee
import numpy as np

from earthline.config import Data
from earthline.earth_engine import ee_model, imagery
from earthline.earth_engine.pixels import fetch
from earthline.earth_engine.predictions import Predictions
from earthline.finding import Finding, refusal
from earthline.formats.manifest import expression_hash
from earthline.formats.placed_patches import PlacedPatches
from earthline.formats.served.agreement import differs, furthest
from earthline.formats.served.contract import VALID_BAND, Contract
from earthline.formats.served.outputs import ServedOutput
from earthline.formats.served.references import scale
from earthline.grid import Grid

ATTEMPTS = 5
TOLERANCE = 1e-3
"""Largest difference of an answer, as a share of `references.scale`: another processor rounds otherwise."""
FLOAT_TOLERANCE = 1e-6
"""Largest relative difference of a float32 value that was computed twice."""
MOST_BANDS = 3
"""Bands of which one is told in which pixels they differ."""

Array = np.ndarray[Any, Any]
Bands = Mapping[str, Array]
"""float32 (height, width) by band, the validity among them."""


class OtherPixelsError(RuntimeError):
    """Predictions would see other pixels than the training did; the text says which, and what to do."""


def findings(
    data: Data, contract: Contract, endpoint: str, placed: PlacedPatches | None, *, old: bool = False
) -> tuple[Finding, ...]:
    """Compares the patches.

    Args:
        data: The config's section.
        contract: Of the served model.
        endpoint: Resource name of the endpoint.
        placed: What the proven model was given beside its contract; None where nobody knows where patches lie.
        old: Whether the model served before: that Earth Engine's imagery has changed since is then a note, as it has
            for the model that serves now, but another definition of it is not.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    if placed is None:
        told = "nobody knows where the training patches lie, so that Earth Engine cannot be asked for their pixels"
        return (Finding("training patches", None, told),)
    roads = Roads.of(data, placed, old=old)
    found: list[Finding] = []
    for patch, (row, column) in enumerate(placed.places.tolist()):
        name = f"patch at row {row}, column {column}"
        found.append(pixels(roads, placed, patch, name))
        if found[-1].passed:
            found.append(_answer(roads, contract, endpoint, placed, patch, name))
    return tuple(found)


@dataclass(frozen=True)
class Roads:
    """By which pixels come: images are made once, since encoding one may take half a second.

    Attributes:
        data: The config's section, with the data type that patches were stored in.
        grid: Of the whole region, on which patches have their places.
        training: Image that patches are fetched from.
        prediction: Image that predictions are made of.
        old: Whether a change of imagery since is a note alone.
    """

    data: Data
    grid: Grid
    training: Any
    prediction: Any
    old: bool

    @classmethod
    def of(cls, data: Data, placed: PlacedPatches, *, old: bool) -> "Roads":
        """Both roads of a config, to the places of some patches."""
        if data.imagery.data_type == "auto":
            data = data.model_copy(update={"imagery": data.imagery.model_copy(update={"data_type": placed.data_type})})
        grid = Grid.from_json(placed.grid)
        return cls(data, grid, imagery.training_bands(data), imagery.network_input(data), old)


def require(found: tuple[Finding, ...]) -> None:
    """Raises OtherPixelsError where a finding fails."""
    if told := refusal(found):
        raise OtherPixelsError(f"Earth Engine gives the endpoint other pixels than the model was trained on: {told}")


def pixels(roads: Roads, placed: PlacedPatches, patch: int, place: str) -> Finding:
    """Whether a patch as it is stored, as it would be exported now, and as predictions see it are the same pixels.

    Args:
        roads: Of the config.
        placed: The patches.
        patch: Place of one among them.
        place: Its name, for people.

    Raises:
        PixelsError: Earth Engine does not answer.
    """
    row, column = placed.places[patch].tolist()
    window = roads.grid.window(row, column, placed.shape)
    stored = {band: placed.image[patch, ..., number] for number, band in enumerate(placed.bands)}
    stored[VALID_BAND] = placed.valid[patch]
    exported = _bands(fetch(roads.training, window, ATTEMPTS, place), placed.bands)
    sent = _bands(fetch(roads.prediction, window, ATTEMPTS, place), placed.bands)
    name = f"{place}: pixels"
    if told := differences(stored, exported, "in the patch", "now"):
        return _changed(roads, placed, name, told)
    if told := differences(exported, sent, "in a patch", "in predictions"):
        return Finding(
            name,
            False,
            f"predictions would get other pixels than patches: {told}",
            "earthline/earth_engine/imagery builds both from one definition: report this, with the config's "
            "data.imagery",
            cause="other pixels",
        )
    height, width = placed.shape
    return Finding(name, True, f"{height} x {width} px equal in each of {', '.join(stored)}")


def _changed(roads: Roads, placed: PlacedPatches, name: str, told: str) -> Finding:
    """What is said where the imagery is not what it was when the examples were exported."""
    if placed.told:
        return Finding(
            name,
            None,
            f"the examples were made elsewhere ({placed.told}), and the config's imagery differs: {told}",
            cause="made elsewhere",
        )
    now = expression_hash(ee.serializer.encode(imagery.training_image(roads.data, roads.grid)))
    if now != placed.expression_hash:
        return Finding(
            name,
            False,
            f"the examples were exported with another definition of imagery or labels than the config's: {told}",
            "bring back data.imagery as it was, or run the pipeline again so that it exports and trains with the new "
            "one",
            cause="another definition",
        )
    return Finding(
        name,
        None if roads.old else False,
        f"the imagery has changed since the examples were exported, with the same definition: {told}",
        "run the pipeline again: it exports and trains anew once detect_changes has seen the change; or name data."
        "imagery dates that no new image falls into",
        cause="changed imagery",
    )


def _answer(roads: Roads, contract: Contract, endpoint: str, placed: PlacedPatches, patch: int, place: str) -> Finding:
    row, column = placed.places[patch].tolist()
    shape, name = placed.answered_shape, f"{place}: answer"
    window = roads.grid.window(row, column, shape)
    # Earth Engine counts tiles from the projection's origin: one lies exactly over the patch, with nothing around it.
    alone = contract.model_copy(update={"tile_shape": shape, "overlap": (0, 0)})
    model = ee_model.build(ee_model.arguments(endpoint, alone, window))
    given = Predictions.of(model, roads.prediction, contract.outputs)
    found = fetch(_flat(given), window, ATTEMPTS, f"prediction of the {place}")
    values = placed.outputs[patch]
    tolerance = TOLERANCE * scale(values)
    wrong, told = np.zeros(shape, bool), []
    for output in contract.outputs:
        served = np.stack([found[field] for field in _fields(output)], axis=-1).astype(output.type)
        apart = differs(served, values, output, tolerance)
        if apart.any():
            wrong |= apart
            far = furthest(served, values, output)
            told.append(f"{output.name} in {int(apart.sum()):,} of {apart.size:,} pixels, by up to {far:.3g}")
    if not told:
        return Finding(name, True, f"the endpoint answers {shape[0]} x {shape[1]} px as the trained model does")
    inner = _inner(wrong, placed.receptive_field)
    if inner.size and not inner.any():
        return Finding(
            name,
            None,
            "equal but for pixels whose surroundings lie outside of the patch: Earth Engine lays its tiles otherwise "
            f"than from the projection's origin ({'; '.join(told)})",
            cause="other tiles",
        )
    return Finding(
        name,
        False,
        f"the endpoint's answer through Earth Engine differs from the trained model's: {'; '.join(told)}",
        "compare with `deploy_model`'s probe, which asks the endpoint directly: where that agrees, Earth Engine sends "
        "other pixels than patches have; else another model is deployed: deploy this one again",
        cause="another answer",
    )


def differences(wanted: Bands, found: Bands, before: str, after: str) -> str:
    """What differs, band by band, in words; empty where nothing does. Beyond some bands, the others are only named.

    Args:
        wanted: float32 (height, width) by band.
        found: The same bands.
        before: Where the first come from, such as `in the patch`.
        after: Where the second come from, such as `now`.
    """
    told: list[str] = []
    named: list[str] = []
    for band, values in wanted.items():
        apart = ~np.isclose(found[band], values, rtol=FLOAT_TOLERANCE, atol=0, equal_nan=True)
        if not apart.any():
            continue
        if len(told) == MOST_BANDS:
            named.append(band)
            continue
        row, column = np.argwhere(apart)[0].tolist()
        told.append(
            f"{band} in {int(apart.sum()):,} of {apart.size:,} pixels, first at row {row}, column {column}: "
            f"{values[row, column]:g} {before}, {found[band][row, column]:g} {after}"
        )
    if named:
        told.append(f"likewise {', '.join(named)}")
    if told and (shift := _shift(wanted, found)):
        told.append(f"all are equal where the second is moved by {shift[0]} rows and {shift[1]} columns")
    return "; ".join(told)


def _shift(wanted: Bands, found: Bands) -> tuple[int, int] | None:
    """The step of one pixel after which all bands are equal; None where there is none, or nothing to tell it by."""
    for rows in (-1, 0, 1):
        for columns in (-1, 0, 1):
            if (rows or columns) and all(
                _overlapping(values, -rows, -columns).shape == _overlapping(found[band], rows, columns).shape
                and np.array_equal(_overlapping(values, -rows, -columns), _overlapping(found[band], rows, columns))
                and np.ptp(_overlapping(values, -rows, -columns)) > 0
                for band, values in wanted.items()
                if band != VALID_BAND
            ):
                return -rows, -columns
    return None


def _overlapping(values: Array, rows: int, columns: int) -> Array:
    """The part that is left when so many rows and columns are cut off, in front where positive, else at the end."""
    height, width = values.shape
    return values[max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)]


def _bands(pixels: Array, bands: tuple[str, ...]) -> dict[str, Array]:
    """By band; what is masked is 0, as it is in patches."""
    valid = pixels[VALID_BAND] > 0
    found = {band: np.where(valid, pixels[band], 0).astype(np.float32) for band in bands}
    return {**found, VALID_BAND: valid.astype(np.float32)}


def _flat(given: Predictions) -> Any:
    """Every value of every output as a band of its own."""
    parts = []
    for output in given.outputs:
        band = given.image.select([output.name])
        parts.append(band.arrayFlatten([_fields(output)]) if output.entries else band)
    return ee.Image.cat(*parts)


def _fields(output: ServedOutput) -> list[str]:
    return [f"{output.name}_{place}" for place in range(output.entries)] if output.entries else [output.name]


def _inner(wrong: Array, receptive_field: int) -> Array:
    """The pixels whose surroundings all lie in the patch; none where the field is unknown."""
    margin = receptive_field // 2
    return wrong[margin : wrong.shape[0] - margin, margin : wrong.shape[1] - margin] if margin else wrong[:0]
