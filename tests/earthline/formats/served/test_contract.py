"""What a contract says of the tensors on the wire and of tiles."""

import json
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


def test_a_contract_of_another_version_is_one_line_with_what_to_do(tmp_path: Path) -> None:
    CONTRACT.write(tmp_path)
    path = tmp_path / "contract.json"
    content = json.loads(path.read_text())
    del content["stride"]
    path.write_text(json.dumps(content | {"precision": "float32"}))
    with pytest.raises(
        ValueError, match=r"^contract\.json cannot be read: 'precision' unknown here; 'stride' missing"
    ) as said:
        Contract.read(tmp_path)
    assert "environment.serving_image" in str(said.value) and "\n" not in str(said.value)
