"""The tiles of a trained model, by the config and what is known of the model now."""

from collections.abc import Sequence
from typing import cast

from earthline.config import Serving, tiling
from earthline.finding import Finding
from earthline.formats.served.contract import VALID_BAND, Contract, WireType
from earthline.tile_plan import Plan, Sight
from trainer.description import Description

ANSWER_SECONDS = {"shared": 60.0, "dedicated": 3600.0}
"""How long endpoints wait for an answer: https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type."""


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


def answer_time(section: Serving, contract: Contract) -> Finding:
    """Whether an endpoint waits for the answer to a full request, by what was measured on this machine.

    Args:
        section: The config's section.
        contract: With the figures of the runtime.
    """
    name, most, tiles = "time of an answer", ANSWER_SECONDS[section.endpoint_kind], contract.plan.batch
    spent = [each.processor_milliseconds for each in contract.runtime.figures if each.name == contract.runtime.name]
    if not spent:
        return Finding(name, None, "nothing was measured")
    seconds = tiles * spent[0] / 1000
    told = (
        f"{tiles} tile(s) take {seconds:.2g} s of one processor here; {section.endpoint_kind} endpoints wait {most:g} s"
    )
    return Finding(name, seconds <= most or None, told, "use a smaller serving.tile_shape")
