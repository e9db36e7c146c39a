"""Whether a patch that has arrived is of use, or lost with a reason."""

from earthline.formats.examples import Patch, labelled

MASKED = "no pixel of the patch has imagery"
CENTER_MASKED = "the middle pixel has no imagery"
NO_LABEL = "no labelled pixel has imagery"


def loss(patch: Patch, sparse: bool) -> str:
    """Why a patch is no example; empty where it is one.

    A patch stands for the pixels that it could have been drawn around: its middle one has to be there.

    Args:
        patch: As it arrived, without the labels that are not its split's.
        sparse: Whether labels are points and polygons: then a patch is laid over one, not always with it in its middle,
            and has to hold a label.
    """
    if not patch.valid.any():
        return MASKED
    if sparse:
        return "" if labelled(patch.label).any() else NO_LABEL
    height, width = patch.valid.shape
    return "" if patch.valid[height // 2, width // 2] else CENTER_MASKED
