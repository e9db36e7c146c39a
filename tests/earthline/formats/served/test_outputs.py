"""What is served of a model's entries, and in which types."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import ServedOutput, derived, pixel_bytes
from earthline.formats.task_record import TaskRecord

TASK = TaskRecord(name="classification", output="probabilities", entries=("wet", "dry", "bare"), kind="classes")
GIVEN: dict[str, Any] = {"bands": ["B4"], "tile_shape": [8, 8], "overlap": [2, 2], "stride": 2, "max_payload_bytes": 9}
VALUES = np.array(
    [
        [0.2, 0.5, 0.3, 1.5],
        [0.4, 0.4, 0.2, 0.1],  # the first of equals
        [0.1, 0.1, 0.8, np.nan],  # nothing known of the last entry alone
        [np.nan, 0.5, 0.5, 0.2],
        [0.0, 0.0, 0.0, 0.7],  # no probabilities
    ],
    np.float32,
).reshape(1, 1, 5, 4)


def _contract(*outputs: ServedOutput) -> Contract:
    return Contract.model_validate({**GIVEN, "task": TASK, "further": ["dissimilarity"], "outputs": outputs})


def test_outputs_are_made_in_small_types() -> None:
    """Each way of making one; a plain band has one value a pixel; what is no number becomes no class."""
    contract = _contract(
        ServedOutput(name="class_id", type="uint8", made="most_probable", used=3),
        ServedOutput(name="probability", type="uint8", made="largest", used=3),
        ServedOutput(name="margin", made="margin", used=3),
        ServedOutput(name="set_size", type="uint8", made="count", used=3, limit=0.3),
        ServedOutput(name="dissimilarity", first=3),
        ServedOutput(name="applicable", type="uint8", made="at_most", first=3, limit=1.0),
        ServedOutput(name="probabilities", type="uint8", entries=3, used=3),
    )
    found = derived(VALUES, contract)
    assert list(found) == [output.name for output in contract.outputs]
    for output in contract.outputs:
        assert found[output.name].dtype == output.type
        assert found[output.name].shape == (1, 1, 5, output.values)
    flat = {name: each[0, 0, :, 0].tolist() for name, each in found.items()}
    assert flat["class_id"] == [1, 0, 2, 255, 255]
    assert flat["probability"] == [128, 102, 204, 0, 0]
    assert np.allclose(flat["margin"][:3], [0.2, 0.0, 0.7])
    assert flat["set_size"] == [2, 2, 1, 2, 1]
    assert np.array_equal(found["dissimilarity"], VALUES[..., 3:], equal_nan=True)
    assert flat["applicable"] == [0, 1, 0, 1, 1]
    assert found["probabilities"][0, 0].tolist()[0] == [51, 128, 76]
    assert pixel_bytes(contract.outputs) == 1 + 1 + 4 + 1 + 4 + 1 + 3


def test_a_contract_without_outputs_serves_all_entries() -> None:
    """Which is what models gave that were prepared before there was a choice; they are served as they were."""
    contract = Contract.model_validate({**GIVEN, "task": TASK, "further": ["dissimilarity"]})
    assert contract.outputs == (ServedOutput(name="probabilities", entries=4, used=4),)
    assert derived(VALUES, contract)["probabilities"] is not None
    assert np.shares_memory(derived(VALUES, contract)["probabilities"], VALUES)
    assert Contract.model_validate_json(contract.model_dump_json()) == contract


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ({"name": "a", "first": 4}, "the model has 4"),
        ({"name": "a", "made": "count", "used": 3}, "needs a limit"),
        ({"name": "a", "made": "largest", "used": 3, "limit": 1.0}, "has no limit"),
        ({"name": "a", "entries": 2, "used": 3}, "2 values of a pixel made of 3 entries"),
        ({"name": "a", "made": "margin"}, "a margin needs two entries"),
    ],
)
def test_outputs_that_no_model_gives_are_refused(output: dict[str, Any], told: str) -> None:
    """With the output's name."""
    with pytest.raises(ValidationError, match=told):
        Contract.model_validate({**GIVEN, "task": TASK, "further": ["dissimilarity"], "outputs": [output]})
