"""What Earth Engine is asked before a run costs money; `check` shows each answer, a run stops at the first failure."""

from collections.abc import Callable
from functools import cache, partial

from components.export_examples.planning import plan
from earthline.config import Config, ConfigError
from earthline.earth_engine import ee_assets, imagery, verification
from earthline.earth_engine.verification import Question
from earthline.grid import Grid

NEEDS = {
    "imagery": ("grid", "data type", "label values", "splits"),
    "labels": ("label values",),
    "grid": ("data type", "label values", "splits"),
}
"""Questions about the data that have no answer where another one failed."""


def questions(settings: Config) -> tuple[Question, ...]:
    """Every question; those that others rest on come first.

    Args:
        settings: The workflow's config.

    Returns:
        The questions; besides what `earthline.earth_engine.verification` raises, they raise SplitError, ConfigError
        and AssetError.
    """
    asset = settings.predict.asset
    grid = cache(partial(imagery.grid, settings.data))
    return (
        *verification.questions(settings.data, settings.predict.region, grid),
        Question("splits", partial(_splits, settings, grid))
        if settings.data.examples is None
        else of_examples(settings),
        *([Question("map's asset", partial(_map_asset, asset))] if asset is not None else []),
    )


def of_examples(settings: Config) -> Question:
    """What `data.examples` holds; of local files it is answered without Google."""
    return Question("examples", partial(_examples, settings))


def _splits(settings: Config, grid_of_region: Callable[[], Grid]) -> str:
    """Checks what the export would otherwise find out: whether patches and blocks fit into the region."""
    grid, export = grid_of_region(), settings.export
    plan.require_room(grid, export)
    if export.split_regions is not None:
        plan.split_areas(grid, export)
        return "each region of export.split_regions has room for patches"
    return f"{plan.require_blocks(grid, export, imagery.in_pixels(settings.data, grid)):,} blocks"


def _examples(settings: Config) -> str:
    """Looks at the files of `data.examples`, and at one record of each split."""
    from components.export_examples.existing import records

    try:
        return records.look(settings.data, settings.export, settings.environment.project)
    except (ValueError, OSError) as error:
        raise ConfigError(str(error)) from error


def _map_asset(asset: str) -> str:
    """Checks what predict_map would otherwise find out, after training and deployment."""
    # It draws, and what draws loads slowly.
    from components.predict_map.asset import AssetError, require_writable

    found = require_writable(asset)
    parent = asset
    while "/assets/" in (parent := parent.rpartition("/")[0]):
        there = ee_assets.info(parent)
        if there is not None:
            kind = str(there.get("type", "")).upper()
            if kind not in ("FOLDER", "IMAGE_COLLECTION"):
                raise AssetError(
                    f"predict.asset: {parent} is an asset of type {kind}, below which nothing lies; give another id"
                )
            break
    return found
