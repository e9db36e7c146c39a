"""Sources that fill the gaps of others: whether each is there and has what it stands in for."""

from collections.abc import Mapping

from earthline.config.sections.imagery.source import Source


def require_fillers(keys: Mapping[str, Source]) -> None:
    """Checks what `fill`, `name` and `only_fills` of all sources say together.

    Args:
        keys: All sources by their keys in the config.

    Raises:
        ValueError: Names the source and what does not fit.
    """
    sources = {key.removeprefix("data.imagery").removeprefix("."): source for key, source in keys.items()}
    names = [source.name for source in sources.values() if source.name is not None]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"sources: the name '{twice[0]}' stands twice; give each its own")
    by_name = {source.name: source for source in sources.values() if source.name is not None}
    for key, source in sources.items():
        if isinstance(source.fill, str):
            _require_filler(f"{key}.fill".removeprefix("."), source, by_name)
    filling = {source.fill for source in sources.values() if isinstance(source.fill, str)}
    for key, source in sources.items():
        if source.only_fills and source.name not in filling:
            place = f"{key}.only_fills".removeprefix(".")
            raise ValueError(
                f"{place}: no other source takes it by `fill`; give it a `name`, name it there, or remove `only_fills`"
            )
    if all(source.only_fills for source in sources.values()):
        raise ValueError("sources: all of them only fill others, so no band is left; remove `only_fills` from one")


def _require_filler(key: str, source: Source, by_name: dict[str, Source]) -> None:
    wanted = str(source.fill)
    filler = by_name.get(wanted)
    if filler is None:
        known = f"there are {', '.join(by_name)}" if by_name else "no source has a `name`"
        raise ValueError(
            f"{key}: '{wanted}' names no source ({known}); write `name: {wanted}` in the one that is meant"
        )
    missing = [band for band in source.plain if band not in filler.plain]
    if missing:
        raise ValueError(
            f"{key}: '{wanted}' has {', '.join(filler.plain)}, and not {', '.join(missing)}; name its bands alike, by "
            "{band: NAME, as: OTHER}"
        )
    if filler.time is not None and len(filler.steps) != len(source.steps):
        mine = f"{len(source.steps)} steps" if source.time is not None else "none"
        raise ValueError(
            f"{key}: '{wanted}' has {len(filler.steps)} steps in time and this source {mine}; give both equally many, "
            f"or '{wanted}' none: its one composite then stands in for each step"
        )
    seen = [source.name]
    while isinstance(filler.fill, str):
        if filler.name in seen:
            raise ValueError(f"{key}: {' and '.join(sorted(map(str, seen)))} fill each other in a circle; open it")
        seen.append(filler.name)
        following = by_name.get(filler.fill)
        if following is None:
            return
        filler = following
