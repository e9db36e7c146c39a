"""What to do about an error of Earth Engine, by words of its message."""

_ADVICE = {
    "memory limit": "use a smaller patch or tile, or a shorter date range of the composite",
    "timed out": "use a smaller patch or tile, or a shorter date range of the composite",
    "request size": "use a smaller patch or tile, or fewer bands",
    "payload": "use a smaller serving.tile_shape or serving.overlap",
    "permission": "give the account that runs the step access to the asset and the Earth Engine role on the project",
    "not found": "check the id, and that the account that runs the step may read it",
}


def advice(message: str) -> str:
    """What to do, to be put behind the message; empty where nothing is known.

    Args:
        message: Earth Engine's own.
    """
    for words, remedy in _ADVICE.items():
        if words in message.lower():
            return f"; {remedy}"
    return ""
