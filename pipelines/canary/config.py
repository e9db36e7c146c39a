"""A small copy of a workflow (2 x 2 tiles, one epoch, names of its own), and what running it costs at most."""

from dataclasses import dataclass

from pyproj import Transformer

from earthline.config import BoundingBox, Config
from earthline.earth_engine import imagery

SUFFIX = "-canary"
LONGEST_NAME = 42
EXAMPLES = {"train": 48, "validation": 16, "test": 32}
DOLLARS_PER_HOUR = 0.25
"""Of one machine as the canary uses them: list prices of us-central1 lie below .22 for each."""
DOLLARS_PER_RUN = 0.03
MACHINES = 4
"""At the same time at most: a step or the training, and three endpoints."""


@dataclass(frozen=True)
class Cost:
    """What a canary may cost.

    Attributes:
        minutes: After which it is ended.
        dollars: At most, at list prices of us-central1, without Earth Engine and storage.
    """

    minutes: int
    dollars: float

    @classmethod
    def of(cls, minutes: int) -> "Cost":
        """The cost of so many minutes."""
        return cls(minutes, DOLLARS_PER_RUN + MACHINES * DOLLARS_PER_HOUR * minutes / 60)


def shrunk(config: Config) -> Config:
    """A small copy of a workflow with the same data, project, bucket, accounts, runner and image.

    Args:
        config: The workflow's config.
    """
    content = config.model_dump(mode="json", exclude={"data"})
    # The section itself still knows the file that labels came from, and may have to upload it.
    content["data"] = config.data
    content["name"] = f"{config.name[: LONGEST_NAME - len(SUFFIX)].rstrip('-')}{SUFFIX}"
    examples = {split: min(most, EXAMPLES[split]) for split, most in config.export.examples.items()}
    content["export"] |= {"shards": 1, "examples": examples}
    content["train"] |= {
        "epochs": 1,
        "model": config.train.model.shrunk().model_dump(mode="json"),
        "image": None,
        "machine_type": "n1-standard-4",
        "accelerator_type": None,
        "accelerator_count": 0,
    }
    content["evaluate"] |= {"min_gain": -1, "baseline_trees": 10}
    content["serving"] |= {
        "endpoint": None,
        "machine_type": "n1-standard-2",
        "min_replicas": 1,
        "max_replicas": 1,
        "traffic_percent": 100,
        "keep_previous": 0,
    }
    content["predict"] |= {"asset": None, "tile_shape": config.tile_plan.tile}
    content["schedule"] = {}
    return Config.model_validate(content)


def in_the_middle(config: Config) -> Config:
    """The config with a map of 2 x 2 tiles in the middle of its region; asks Earth Engine for the grid.

    Args:
        config: Of `shrunk`.

    Raises:
        ImageryError: The config names something that Earth Engine does not have.
    """
    grid = imagery.grid(config.data)
    tile, (height, width) = config.tile_plan.tile, grid.shape
    # A pixel less, so that rounding to whole pixels brings no third tile.
    shape = max(1, min(2 * tile[0], height) - 1), max(1, min(2 * tile[1], width) - 1)
    window = grid.window((height - shape[0]) // 2, (width - shape[1]) // 2, shape)
    to_degrees = Transformer.from_crs(grid.pyproj_crs, "EPSG:4326", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*window.bounds)
    region = BoundingBox(west=west, south=south, east=east, north=north)
    return config.model_copy(update={"predict": config.predict.model_copy(update={"region": region})})
