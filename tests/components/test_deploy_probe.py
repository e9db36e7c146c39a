"""The probe accepts a tile of probabilities and says what is wrong with anything else."""

import numpy as np
import pytest

from components.deploy_model.probe import Probe, ProbeError
from earthline import tensors
from earthline.contract import Contract

PROBE = Probe(
    Contract(
        bands=("B1", "B2"),
        class_names=("land", "water"),
        tile_shape=(4, 6),
        overlap=(2, 4),
        stride=2,
        max_payload_bytes=1000,
    )
)


def answer(array):
    return [{"probabilities": tensors.encode(np.asarray(array, np.float32))}]


def test_the_tile_has_the_contracts_bands_and_the_shape_that_earth_engine_sends():
    instance = PROBE.instance()
    assert set(instance) == {"B1", "B2"}
    assert tensors.decode(instance["B1"], 1000).shape == (6, 10, 1)
    assert instance["B1"] != instance["B2"]


def test_probabilities_pass_with_and_without_their_name():
    good = answer(np.full((6, 10, 2), 0.5))
    PROBE.check(good)
    PROBE.check([good[0]["probabilities"]])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "instead of a list of one"),
        ({"probabilities": "x"}, "instead of a list of one"),
        ([{"output_0": "x"}], "no text 'probabilities'"),
        ([{"probabilities": "+/"}], "no tensor: not web-safe"),
        (answer(np.full((4, 6, 2), 0.5)), r"shape \[4, 6, 2\] instead of \[6, 10, 2\]"),
        (answer(np.full((6, 10, 2), 0.6)), "no probabilities"),
        (answer(np.full((6, 10, 2), np.nan)), "no probabilities"),
    ],
)
def test_anything_else_is_named(wrong, message):
    with pytest.raises(ProbeError, match=message):
        PROBE.check(wrong)
