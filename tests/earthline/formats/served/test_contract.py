"""What a contract says of the tensors on the wire and of tiles."""

from pathlib import Path

import numpy as np
import pytest

from earthline.earth_engine import ee_model
from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import ServedOutput
from earthline.grid import Grid
from earthline.task.classification.task import Classification

CONTRACT = Contract(
    bands=("B1", "B2"),
    types={"B1": "uint16", "B2": "uint16", "earthline_valid": "uint8"},
    task=Classification(("a", "b")).record,
    outputs=(ServedOutput(name="class_id", type="uint8", made="most_probable", used=2),),
    tile_shape=(96, 64),
    overlap=(32, 16),
    stride=4,
    max_payload_bytes=1_500_000,
)
GRID = Grid.from_json({"crs": "EPSG:32632", "transform": [10, 0, 600_000, 0, -10, 5_000_000], "shape": [72, 8]})


@pytest.mark.parametrize(
    ("reading", "told", "largest"),
    [("either", [16, 32], (160, 96)), ("total", [16, 32], (128, 80)), ("each_edge", [8, 16], (128, 80))],
)
def test_earth_engine_is_told_the_overlap_as_it_counts(
    reading: str, told: list[int], largest: tuple[int, int], tmp_path: Path
) -> None:
    contract = CONTRACT.model_copy(update={"overlap_reading": reading})
    contract.write(tmp_path)
    assert Contract.read(tmp_path) == contract
    arguments = ee_model.arguments("endpoint", contract, GRID)
    assert (arguments["inputTileSize"], arguments["inputOverlapSize"]) == ([64, 96], told)
    assert contract.sent_shape == largest


def test_bands_travel_in_their_types() -> None:
    arguments = ee_model.arguments("endpoint", CONTRACT, GRID)
    kinds = {name: kind["precision"] for name, kind in arguments["inputTypeOverride"].items()}
    assert kinds == {"B1": "uint16", "B2": "uint16", "earthline_valid": "uint8"}
    assert CONTRACT.typed("B1", np.array([3.0, 65535.0])).tolist() == [3, 65535]
    assert CONTRACT.typed("B1", np.ones(2)).dtype == np.uint16 and CONTRACT.typed("other", np.ones(2)).dtype == "f4"
    # 5 bytes of a pixel go out and 1 comes back: no multiplier; with 3 floats there is one.
    assert "outputMultiplier" not in arguments
    many = CONTRACT.model_copy(update={"outputs": (ServedOutput(name="probabilities", entries=2, used=2),)})
    assert ee_model.arguments("endpoint", many, GRID)["outputMultiplier"] == 1.6


def test_as_many_tiles_as_fit_are_asked_at_once() -> None:
    assert CONTRACT.plan.batch == 1_500_000 // (160 * 96 * 5 * 4 // 3 + 400)
    assert CONTRACT.model_copy(update={"max_payload_bytes": 9}).plan.batch == 1
