"""Traffic split: which share of an endpoint's requests each deployed model gets."""

import random
from collections.abc import Mapping, Sequence
from typing import Final

from earthline_sandbox.errors import invalid

NEW: Final = "0"
"""Key that stands for the model that the same call deploys."""


def renamed(split: Mapping[str, int], deployed_id: str) -> dict[str, int]:
    """The split with the new model under its identifier."""
    return {deployed_id if key == NEW else key: share for key, share in split.items()}


def check(split: Mapping[str, int], deployed: Sequence[str]) -> None:
    """Checks a split in percent against the deployed models; an empty one sends nothing anywhere.

    Raises:
        ApiError: INVALID_ARGUMENT for an unknown model, a share out of range, or a sum other than 100.
    """
    unknown = sorted(set(split) - set(deployed))
    if unknown:
        raise invalid(
            f"The traffic split names {', '.join(unknown)}, which the endpoint does not have;"
            f" it has {', '.join(deployed) or 'no deployed models'}."
        )
    wrong = {key: share for key, share in split.items() if not 0 <= share <= 100}
    if wrong:
        raise invalid(f"The traffic split {wrong} is not in percent from 0 to 100.")
    if split and sum(split.values()) != 100:
        raise invalid(f"The traffic split {dict(split)} sums to {sum(split.values())}; it must sum to 100.")


def choose(split: Mapping[str, int], draw: random.Random) -> str | None:
    """Draws a deployed model by its share; None where none gets any."""
    shares = {key: share for key, share in split.items() if share > 0}
    return draw.choices(list(shares), list(shares.values()))[0] if shares else None
