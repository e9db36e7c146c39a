"""The tiles of a trained model, by the config and what is known of the model now."""

from collections.abc import Sequence
from typing import cast

from earthline.config import Serving, tiling
from earthline.formats.contract import VALID_BAND, WireType
from earthline.tile_plan import Plan, Sight
from trainer.description import Description


def types(section: Serving, description: Description) -> dict[str, WireType]:
    """The type of each input on the wire; those that are left out are float32.

    Args:
        section: The config's section.
        description: Of the trained model.
    """
    found = tiling.input_types(section, description.data_type)
    named = dict.fromkeys(description.bands, found.bands) | {VALID_BAND: found.valid}
    return {name: cast(WireType, kind) for name, kind in named.items() if kind != tiling.FLOAT}


def plan(section: Serving, description: Description, outputs: Sequence[int]) -> Plan:
    """The tiles.

    Args:
        section: The config's section.
        description: Of the trained model.
        outputs: Bytes of a pixel in each tensor of an answer.

    Raises:
        NoPlanError: What is asked for does not fit, or has seams that are not allowed.
    """
    found = tiling.input_types(section, description.data_type)
    wire = tiling.wire(section, found, len(description.bands), outputs)
    return tiling.plan(section, Sight(description.stride, description.margin), wire)
