"""Which share of an endpoint's requests each deployed model gets. Pure arithmetic."""

from collections.abc import Mapping

NEW = "0"
"""Key that stands for the model being deployed, as Vertex AI has it."""


def with_share(current: Mapping[str, int], chosen: str, percent: int) -> dict[str, int]:
    """The traffic split in which one model gets its share and the others keep their proportions.

    Args:
        current: Percent by deployed model id; those without traffic may be left out.
        chosen: Id of the model that gets a share; it may have one already.
        percent: Percent for it, 1 to 100; where nothing else has traffic it gets all.

    Returns:
        Percent by deployed model id, `chosen` among them; whole numbers that sum to 100.
    """
    serving = {key: share for key, share in current.items() if share > 0 and key != chosen}
    total = sum(serving.values())
    if not total:
        return {chosen: 100}
    rest = 100 - percent
    exact = {key: share * rest / total for key, share in serving.items()}
    split = {key: int(share) for key, share in exact.items()}
    # Largest remainders first, so that rounding neither loses nor invents a percent.
    for key in sorted(exact, key=lambda key: (split[key] - exact[key], key))[: rest - sum(split.values())]:
        split[key] += 1
    return {chosen: percent} | split


def idle(split: Mapping[str, int], deployed: list[str]) -> list[str]:
    """Deployed models without traffic: they cost money and answer nobody."""
    return [key for key in deployed if not split.get(key)]
