from typing import Any

import numpy as np
import pytest

from earthline.formats.certainty import Certainty
from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import ServedOutput, derived
from earthline.local_map.layers import LayerError, Layers
from earthline.reports.maps.confidence import NO_DATA
from earthline.task import task_of_record
from earthline.task.regression.task import Regression

from .models import contract

BANDS = ("margin", "probability", "set_size", "dissimilarity", "applicable")
CERTAINTY = Certainty(coverage=0.9, set_limit=0.2, dissimilarity_limit=0.5)
ENTRIES = np.array(
    [
        [0.7, 0.2, 0.1, 0.4],
        [0.3, 0.25, 0.45, 0.6],
        [np.nan, 0.5, 0.5, 0.1],
        [0.2, 0.5, 0.3, np.inf],
    ],
    np.float32,
).reshape(1, 2, 2, 4)
EXPECTED = {
    "class_id": [0, 2, 255, 1],
    "margin": [0.5, 0.15, NO_DATA, 0.2],
    "probability": [0.7, 0.45, NO_DATA, 0.5],
    "set_size": [2, 3, NO_DATA, 3],
    "dissimilarity": [0.4, 0.6, NO_DATA, NO_DATA],
    "applicable": [1, 0, NO_DATA, 0],
}


def of(told: Contract, *bands: str) -> Layers:
    return Layers(told, task_of_record(told.task), bands)


def model(**fields: Any) -> Contract:
    return contract(further=("dissimilarity",), certainty=CERTAINTY, **fields)


def assert_expected(found: dict[str, np.ndarray], within: float = 1e-6) -> None:
    assert list(found) == list(EXPECTED)
    assert found["class_id"].dtype == np.uint8 and found["margin"].dtype == np.float32
    for name, values in EXPECTED.items():
        np.testing.assert_allclose(found[name].ravel(), values, atol=within, err_msg=name)


def test_layers_of_all_that_a_model_gives() -> None:
    layers = of(model(), *BANDS)
    assert_expected(layers.of_entries(ENTRIES))
    assert layers.types == {"class_id": "uint8", **dict.fromkeys(BANDS, "float32")}
    assert set(layers.known) == set(BANDS)


def test_layers_of_what_is_served_in_small_types() -> None:
    shares = [ServedOutput(name="margin", type="uint8", made="margin", used=3)]
    shares.append(ServedOutput(name="probability", type="uint8", made="largest", used=3))
    told = model(
        outputs=(
            *shares,
            ServedOutput(name="set_size", type="uint8", made="count", used=3, limit=0.2),
            ServedOutput(name="class_id", type="uint8", made="most_probable", used=3),
            # Applicability is made of it here.
            ServedOutput(name="dissimilarity", first=3),
        )
    )
    layers = of(told, *BANDS)
    layers.require_served()
    assert_expected(layers.of_outputs(derived(ENTRIES, told)), within=0.5 / 255 + 1e-6)


def test_layers_of_an_array_of_floats() -> None:
    told = model(outputs=(ServedOutput(name="probabilities", entries=4, used=4),))
    assert_expected(of(told, *BANDS).of_outputs(derived(ENTRIES, told)))


def test_what_is_not_given_or_not_served_is_refused() -> None:
    with pytest.raises(LayerError, match=r"--bands q0.9: the model gives no such band; it gives probability, margin"):
        of(model(), "q0.9")
    with pytest.raises(
        LayerError, match=r"--bands set_size: the model gives no such band; it gives probability, margin$"
    ):
        of(contract(), "set_size")
    with pytest.raises(LayerError, match=r"a band stands twice"):
        of(model(), "margin", "margin")
    told = model(outputs=(ServedOutput(name="class_id", type="uint8", made="most_probable", used=3),))
    of(told).require_served()
    with pytest.raises(
        LayerError, match=r"serves class_id, of which 'margin' cannot be made: add it to serving.outputs"
    ):
        of(told, "margin").require_served()


def test_a_value_and_its_bounds() -> None:
    told = contract(task=Regression("height", "m", (0.0, 30.0), ()).record, further=("q0.05", "q0.95"))
    values = np.array([[5, 1, 9], [np.nan, 2, 3], [-3, np.inf, 4]], np.float32).reshape(1, 1, 3, 3)
    layers = of(told, "q0.05")
    found = layers.of_entries(values)
    assert found["value"].tolist() == [[[5, layers.nothing["value"], -3]]]
    assert found["q0.05"].tolist() == [[[1, NO_DATA, NO_DATA]]]
