"""Whether tiles of any height and width are answered, and as much as a request may hold."""

import json
from typing import Any

import numpy as np

from components.prepare_saved_model.proof.case import Case, Refused, mirrored, reason
from earthline.formats.served.contract import TENSOR_SIGNATURE
from earthline.formats.served.references import Reference

Array = np.ndarray[Any, Any]

PROBE_TILES = 3
"""Tiles that whoever serves the model is asked for."""


def sizes(case: Case) -> str:
    """Whether sizes are free: what the stride does not divide is mirrored at its far edges and cut back."""
    seen, stride = case.evidence, case.contract.stride
    rows, columns = seen.valid.shape[1:]
    tried = ((stride + 1, 2 * stride - 1), (rows - 1, max(1, columns - stride + 1)), (1, 1))
    for asked in tried:
        image, valid = seen.image[:1, : asked[0], : asked[1]], seen.valid[:1, : asked[0], : asked[1]]
        height, width = valid.shape[1:]
        told = f"a tile of {height} x {width} px"
        try:
            found = case.served.arrays(image, valid)
            texts = case.served.texts(image, valid)
        except Exception as error:
            raise Refused(f"{told} fails, and tile sizes must be free: {reason(error)}") from error
        if found.shape != (1, height, width, case.contract.entries):
            raise Refused(f"{told} comes back as {list(found.shape)}; tile sizes must be free")
        for name, values in texts.items():
            if values.shape[:3] != (1, height, width):
                raise Refused(f"{told} comes back from {TENSOR_SIGNATURE} as {name} {list(values.shape)}")
        whole = [-(-side // stride) * stride for side in (height, width)]
        whole_answer = case.served.arrays(mirrored(image, *whole), mirrored(valid, *whole))[:, :height, :width]
        case.compare(found, whole_answer, f"sending {height} x {width} px unmirrored")
    return ", ".join(f"{height} x {width}" for height, width in tried) + f" px, and the network's stride is {stride}"


def probe(case: Case) -> Reference:
    """Real patches, mirrored to the largest shape that Earth Engine may send, and the answers to them.

    Args:
        case: What is tried.

    Raises:
        Refused: A tile of that shape makes a larger request or answer than the contract allows.
    """
    contract, seen = case.contract, case.evidence
    height, width = contract.sent_shape
    image, valid = (mirrored(each[:PROBE_TILES], height, width) for each in (seen.image, seen.valid))
    order = [seen.bands.index(band) for band in contract.bands]
    return Reference(image[..., order], valid, case.served.arrays(image, valid))


def payload(case: Case) -> str:
    """Whether a tile fits into a request, and its answer too."""
    contract, reference = case.contract, probe(case)
    height, width = contract.sent_shape
    order = [case.evidence.bands.index(band) for band in contract.bands]
    inputs = case.served.inputs(reference.image[:1][..., np.argsort(order)], reference.valid[:1])
    answer = {name: texts[0].decode() for name, texts in case.served.answer(inputs).items()}
    told = []
    for what, content in (
        ("a request", {"instances": [reference.instance(0, contract)]}),
        ("an answer", {"predictions": [answer]}),
    ):
        size = len(json.dumps(content))
        told.append(f"{what} has {size:,} bytes")
        if size > contract.max_payload_bytes:
            raise Refused(
                f"a tile of {height} x {width} pixels, the overlap at each edge, makes {what} of {size:,} bytes, over "
                f"max_payload_bytes {contract.max_payload_bytes:,}",
                "use a smaller serving.tile_shape or serving.overlap"
                + (", or ask for fewer serving.outputs" if what == "an answer" else ", or fewer bands"),
            )
    return f"{height} x {width} px, the overlap at each edge: {', '.join(told)} of {contract.max_payload_bytes:,}"
