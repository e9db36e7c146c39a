"""How many points and polygons a stratum should have in a split, and what is said of fewer."""

from collections.abc import Mapping, Sequence

Counts = tuple[int, int]
"""Points and polygons."""

LEAST_TRAINING = 10
"""Fewer places say little of what else a stratum looks like: of ten, one that is odd is a tenth."""
LEAST_TEST = 10
"""With fewer, one place more or less that is right changes a class's accuracy by more than ten percent."""
_LISTED = 20


def few(
    word: str,
    names: Sequence[str],
    totals: Sequence[Counts],
    counts: Mapping[str, Sequence[Counts]],
    pixels: Mapping[str, Sequence[int]] | None = None,
) -> list[tuple[str, str]]:
    """What there is too little of, each as a title and a sentence.

    Args:
        word: What a stratum is, in one word.
        names: Of the strata.
        totals: Of all features, for each stratum.
        counts: Of those that count in a split, by split and for each stratum.
        pixels: Labelled pixels of the same; None where they are not known.
    """
    found = []
    single = [
        f"'{name}' (one {'point' if points else 'polygon'})"
        for name, (points, polygons) in zip(names, totals, strict=True)
        if points + polygons == 1
    ]
    if single:
        shown = [*single[:_LISTED], *(["others"] if len(single) > _LISTED else [])]
        found.append(
            (
                "single features",
                f"{joined(shown)} in all: a single feature lies in one split alone, so such a {word} is learned or "
                f"judged, never both; collect at least {LEAST_TRAINING} of each, in different places",
            )
        )
    for place, (name, total) in enumerate(zip(names, totals, strict=True)):
        for split, least, meaning in (
            ("train", LEAST_TRAINING, "it is learned from few places, and may be wrong elsewhere"),
            ("test", LEAST_TEST, "each place counts for more than a tenth of its accuracy"),
        ):
            if split not in counts or sum(total) == 1 or not 0 < sum(counts[split][place]) < least:
                continue
            on = "" if pixels is None else f" ({pixels[split][place]:,} pixels)"
            found.append(
                (
                    f"few features in {split}",
                    f"{word} '{name}' has {told(*counts[split][place])}{on} in {split}, fewer than {least}: {meaning}; "
                    f"collect more, or merge it with a similar {word}",
                )
            )
    return found


def joined(parts: Sequence[str]) -> str:
    """Parts of a sentence: `a`, `a and b`, `a, b and c`.

    Args:
        parts: One or more.
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 2 else parts)


def told(points: int, polygons: int) -> str:
    """Numbers of points and polygons in words.

    Args:
        points: How many.
        polygons: How many.
    """
    parts = [
        f"{count:,} {what}{'' if count == 1 else 's'}"
        for count, what in ((points, "point"), (polygons, "polygon"))
        if count
    ]
    return " and ".join(parts) or "no feature"
