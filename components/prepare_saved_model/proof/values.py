"""Whether a SavedModel gives what the trained model gave, whatever the order of inputs and the size of a batch."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from components.prepare_saved_model.proof.case import Case, Refused, Undecided, mirrored
from earthline.formats.served.agreement import differs, furthest
from earthline.formats.served.contract import ARRAY_SIGNATURE, EXAMPLE_SIGNATURE, TENSOR_SIGNATURE

Array = np.ndarray[Any, Any]

BATCHES = (1, 3, 16)
"""Tiles that are sent at once."""


def equality(case: Case) -> str:
    """Whether the signatures give what the trained model gave for real patches."""
    seen = case.evidence
    difference = case.compare(case.served.arrays(seen.image, seen.valid), seen.outputs, "wrapping")
    require_outputs(case, case.served.texts(seen.image, seen.valid), seen.outputs, f"signature {TENSOR_SIGNATURE}")
    return (
        f"on {len(seen.image)} real patches {ARRAY_SIGNATURE} differs from the trained model by at most "
        f"{difference:.2g} (allowed: {case.tolerance:.2g}), and {TENSOR_SIGNATURE} gives what is made of that"
    )


def examples(case: Case) -> str:
    """Whether tf.Examples get the same answer as plain tensors; a list tells no shape, so tiles have the contract's."""
    seen, shape = case.evidence, case.contract.sent_shape
    image, valid = (mirrored(each[:1], *shape) for each in (seen.image, seen.valid))
    wanted = case.served.arrays(image, valid)
    require_outputs(case, case.served.examples(image, valid), wanted, f"signature {EXAMPLE_SIGNATURE}")
    return f"{EXAMPLE_SIGNATURE} gives for {shape[0]} x {shape[1]} px what {ARRAY_SIGNATURE} gives"


def require_outputs(case: Case, found: Mapping[str, Array], values: Array, told: str) -> None:
    """Raises Refused where outputs cannot come from entries within the tolerance.

    Args:
        case: What is tried.
        found: By output, (tiles, height, width, values).
        values: float32 (tiles, height, width, entries).
        told: What was asked, for the refusal.
    """
    for output in case.contract.outputs:
        given = found[output.name]
        wanted = (*values.shape[:-1], output.values)
        if given.shape != wanted or given.dtype.name != output.type:
            raise Refused(
                f"{told} gives {output.name} as {given.dtype} {list(given.shape)} instead of {output.type} "
                f"{list(wanted)}"
            )
        wrong = differs(given, values, output, case.tolerance)
        if wrong.any():
            raise Refused(
                f"{told}: {output.name} differs from the trained model's in {wrong.mean():.2%} of the pixels, by up to "
                f"{furthest(given, values, output):.2g}"
            )


def order(case: Case) -> str:
    """Whether the order in which inputs are sent changes nothing."""
    seen, inputs = case.evidence, list(case.contract.inputs)
    wanted, served = case.served.arrays(seen.image, seen.valid), case.served.texts(seen.image, seen.valid)
    for sent in (inputs[::-1], sorted(inputs), inputs[1:] + inputs[:1]):
        told = f"sending the inputs as {', '.join(sent)}"
        case.compare(case.served.arrays(seen.image, seen.valid, sent), wanted, told)
        for name, values in case.served.texts(seen.image, seen.valid, sent).items():
            if not np.array_equal(values, served[name], equal_nan=values.dtype.kind == "f"):
                raise Refused(f"signature {TENSOR_SIGNATURE}: {told} changes {name}; it must change none")
    return f"reversed, sorted and turned, {len(inputs)} inputs give the same"


def swapped(case: Case) -> str:
    """Whether bands are told apart: where two change places, the answer changes."""
    seen = case.evidence
    if len(seen.bands) == 1:
        return "there is but one band"
    # With 60 bands each further patch costs 59 calls.
    fullest = np.argsort(-seen.valid.sum(axis=(1, 2)), kind="stable")[:2]
    image, valid = seen.image[fullest], seen.valid[fullest]
    wanted = case.served.arrays(image, valid)

    def changes(other: Array) -> bool:
        return bool(np.abs(case.served.arrays(other, valid) - wanted).max(initial=0.0) > case.tolerance)

    places = range(len(seen.bands))
    kept = [
        pair
        for pair in pairwise(places)
        if not changes(image[..., [{pair[0]: pair[1], pair[1]: pair[0]}.get(place, place) for place in places]])
    ]
    if not kept:
        return f"each of {len(seen.bands) - 1} neighbouring pairs changes the answer when swapped"
    doubtful = sorted({place for pair in kept for place in pair})
    ignored = [seen.bands[place] for place in doubtful if not any(changes(each) for each in _others(image, place))]
    if len(ignored) == len(seen.bands):
        raise Refused(
            "no band makes any difference: the model answers the same whatever is sent",
            "look at the learning curves and train it again: what learned nothing says the same anywhere",
        )
    if ignored:
        raise Undecided(f"the model makes no use of {', '.join(ignored)}; leave them out of data.imagery to send less")
    pairs = ", ".join(f"{seen.bands[one]} and {seen.bands[other]}" for one, other in kept)
    raise Undecided(f"{pairs} can change places without any change on the real patches: are they the same?")


def _others(image: Array, place: int) -> Iterator[Array]:
    """Tiles in which one band is another: mirrored in both directions, far brighter, far darker."""
    band = image[..., place]
    far = np.float32(10) * (band.std() + 1)
    for other in (band[:, ::-1, ::-1], band + far, band - far):
        found = image.copy()
        found[..., place] = other
        yield found


def batches(case: Case) -> str:
    """Whether a tile's answer depends on what else is in the request."""
    seen = case.evidence
    for count in BATCHES:
        chosen = np.arange(count) % len(seen.image)
        image, valid, wanted = seen.image[chosen], seen.valid[chosen], seen.outputs[chosen]
        case.compare(case.served.arrays(image, valid), wanted, f"sending {count} tiles at once")
        texts = case.served.texts(image, valid)
        require_outputs(case, texts, wanted, f"signature {TENSOR_SIGNATURE}, {count} tiles at once")
    return f"{', '.join(map(str, BATCHES))} tiles at once through {ARRAY_SIGNATURE} and {TENSOR_SIGNATURE}"


def repetition(case: Case) -> str:
    """Whether the same question gets the same answer."""
    seen = case.evidence
    first = case.served.arrays(seen.image, seen.valid)
    case.compare(case.served.arrays(seen.image, seen.valid), first, "asking the same again")
    return "the same tiles get the same answer"
