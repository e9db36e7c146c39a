"""Whether what is masked, or is no number, stays without any influence."""

from typing import Any

import numpy as np

from components.prepare_saved_model.proof.case import Case, Refused

Array = np.ndarray[Any, Any]

_HOLDS = {"1e6": 1e6, "-1e30": -1e30, "NaN": np.nan, "infinity": np.inf}
"""What masked pixels may hold."""
_NO_NUMBERS = {"NaN": np.nan, "infinity": np.inf, "-infinity": -np.inf}


def masked(case: Case) -> str:
    """Whether what lies under the mask is of no account."""
    seen = case.evidence
    valid = seen.valid.copy()
    valid[:, : valid.shape[1] // 3, valid.shape[2] // 2 :] = 0
    wanted = _finite(case, seen.image, valid, "a tile with masked pixels")
    for told, value in _HOLDS.items():
        image = np.where(valid[..., np.newaxis] > 0, seen.image, np.float32(value))
        case.compare(case.served.arrays(image, valid), wanted, f"{told} under the mask")
    return f"{', '.join(_HOLDS)} under the mask change nothing"


def wholly_masked(case: Case) -> str:
    """Whether a tile without any valid pixel gets an answer, and always the same."""
    image, valid = case.evidence.image, np.zeros_like(case.evidence.valid)
    wanted = _finite(case, np.zeros_like(image), valid, "a tile that is all masked")
    for told, value in _HOLDS.items():
        found = case.served.arrays(np.full_like(image, value), valid)
        case.compare(found, wanted, f"{told} in a tile that is all masked")
    case.served.texts(image, valid)
    return "a tile that is all masked gets finite numbers, whatever it holds"


def no_numbers(case: Case) -> str:
    """Whether a band that is no number counts as a masked pixel, and no more than that one pixel."""
    seen = case.evidence
    places = np.argwhere(seen.valid[0] > 0)
    if not len(places):
        return "the patches have no valid pixel"
    row, column = places[len(places) // 2]
    valid = seen.valid.copy()
    valid[0, row, column] = 0
    wanted = case.served.arrays(seen.image, valid)
    for told, value in _NO_NUMBERS.items():
        for band in sorted({0, len(seen.bands) - 1}):
            image = seen.image.copy()
            # In one band only: its neighbours are told by the other bands that the pixel is there.
            image[0, row, column, band] = value
            found = case.served.arrays(image, seen.valid)
            case.compare(found, wanted, f"{told} in {seen.bands[band]} of one valid pixel, instead of a masked one,")
    return f"{', '.join(_NO_NUMBERS)} in one band of a pixel mask that pixel alone"


def _finite(case: Case, image: Array, valid: Array, told: str) -> Array:
    found = case.served.arrays(image, valid)
    if not np.isfinite(found).all():
        raise Refused(f"{told} gives {case.contract.output} that are no numbers")
    return found
