"""The probe accepts what the proven model gave and says what is wrong with anything else."""

from types import SimpleNamespace

import numpy as np
import pytest
from google.api_core.exceptions import FailedPrecondition, InvalidArgument, ServiceUnavailable

from components.deploy_model import probe
from components.deploy_model.probe import Probe, ProbeError
from earthline.formats import tensors
from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import ServedOutput, derived
from earthline.formats.served.references import PROBE, ProbeFileError, Reference
from earthline.task.classification.task import Classification

CONTRACT = Contract(
    bands=("B1", "B2"),
    task=Classification(("land", "water")).record,
    tile_shape=(4, 6),
    overlap=(2, 4),
    stride=2,
    max_payload_bytes=1000,
)
RANDOM = np.random.default_rng(2)
EXPECTED = RANDOM.dirichlet((1, 1), (2, 6, 10)).astype(np.float32)
REFERENCE = Reference(RANDOM.normal(size=(2, 6, 10, 2)).astype(np.float32), np.ones((2, 6, 10), np.float32), EXPECTED)
ASKED = Probe(CONTRACT, REFERENCE)


def answer(array):
    return [{"probabilities": tensors.encode(np.asarray(array))}]


SMALL = Probe(
    CONTRACT.model_copy(
        update={
            "outputs": (
                ServedOutput(name="class_id", type="uint8", made="most_probable", used=2),
                ServedOutput(name="probability", type="uint8", made="largest", used=2),
                ServedOutput(name="margin", made="margin", used=2),
            )
        }
    ),
    REFERENCE,
)


def small(values, **changed):
    found = derived(values, SMALL.contract) | changed
    return [{name: tensors.encode(each) for name, each in found.items()}]


class Endpoint:
    """Answers as it is told; an exception is raised."""

    def __init__(self, *answers, deployed_id="7"):
        self.traffic_split = {"7": 100}
        self.answers, self.deployed_id = list(answers), deployed_id

    def predict(self, instances, timeout):
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return SimpleNamespace(predictions=found, deployed_model_id=self.deployed_id)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(probe, "exponential_sleep_generator", lambda *_: iter([0.0] * 50))
    monkeypatch.setattr(probe, "SETTLING_SECONDS", 0.0)


def test_a_tile_has_every_input_in_the_shape_that_earth_engine_sends():
    instance = REFERENCE.instance(1, CONTRACT)
    assert tuple(instance) == CONTRACT.inputs
    np.testing.assert_array_equal(tensors.decode(instance["B2"], 1000), REFERENCE.image[1, :, :, 1:])
    assert tensors.decode(instance["earthline_valid"], 1000).shape == (6, 10, 1)


def test_what_the_model_gave_passes_with_and_without_its_name():
    good = answer(EXPECTED[1])
    assert ASKED.check(good, 1) == 0
    assert ASKED.check([good[0]["probabilities"]], 1) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "instead of a list of one"),
        ({"probabilities": "x"}, "instead of a list of one"),
        ([{"output_0": "x"}], "no text 'probabilities'"),
        ([{"probabilities": "+/"}], "no tensor: not web-safe"),
        (answer(EXPECTED[0, :4, :6]), r"shape \[4, 6, 2\] instead of \[6, 10, 2\]"),
        (answer(EXPECTED[1]), "differs from the proven SavedModel's in 60 pixels, by up to 0"),
        (answer(EXPECTED[0].astype(np.uint8)), "a tensor of uint8"),
        (answer(EXPECTED[0, ..., ::-1]), "another model, or another server"),
        (answer(np.full((6, 10, 2), np.nan, np.float32)), "by up to nan"),
    ],
)
def test_anything_else_is_named(wrong, message):
    with pytest.raises(ProbeError, match=message):
        ASKED.check(wrong, 0)


def test_small_types_may_differ_where_floats_are_near_to_an_edge():
    """And nowhere else: a class that is not the second most probable by far is another model's."""
    assert SMALL.check(small(EXPECTED[0]), 0) == 0
    other = EXPECTED[0] + RANDOM.uniform(-4e-4, 4e-4, EXPECTED[0].shape).astype(np.float32)
    assert 0 < SMALL.check(small(other), 0) < 5e-3
    classes = EXPECTED[0].argmax(-1).astype(np.uint8)[..., np.newaxis]
    classes[2, 3] = 1 - classes[2, 3]
    with pytest.raises(ProbeError, match=r"'class_id' of a real tile differs .* in 1 pixels"):
        SMALL.check(small(EXPECTED[0], class_id=classes), 0)
    for wrong, message in ((small(EXPECTED[1]), "another model"), (small(EXPECTED[0])[:1] * 2, "a list of one")):
        with pytest.raises(ProbeError, match=message):
            SMALL.check(wrong, 0)
    with pytest.raises(ProbeError, match="no text 'probability'"):
        SMALL.check([{name: text for name, text in small(EXPECTED[0])[0].items() if name != "probability"}], 0)


def test_every_tile_is_asked_and_warming_up_is_waited_out(quick):
    cold = ServiceUnavailable("no replica is ready"), FailedPrecondition("no traffic_split")
    assert ASKED.ask(Endpoint(*cold, answer(EXPECTED[0]), answer(EXPECTED[1])), "7") == 0
    with pytest.raises(ProbeError):
        ASKED.ask(Endpoint(answer(EXPECTED[0]), answer(EXPECTED[0])), "7")


def test_waiting_has_an_end_and_other_errors_need_none(quick, monkeypatch):
    with pytest.raises(InvalidArgument):
        ASKED.ask(Endpoint(InvalidArgument("no")), "7")
    monkeypatch.setattr(probe, "WARMING_SECONDS", -1.0)
    with pytest.raises(ServiceUnavailable):
        ASKED.ask(Endpoint(ServiceUnavailable("never")), "7")


def test_answers_of_another_model_prove_nothing(quick):
    with pytest.raises(ProbeError, match=r"no request of \d+ reached the deployed model 7"):
        ASKED.ask(Endpoint(answer(EXPECTED[0]), deployed_id="8"), "7")


def test_a_reference_comes_back_from_its_file(tmp_path):
    REFERENCE.write(tmp_path)
    read = Reference.read(tmp_path)
    for name in ("image", "valid", "outputs"):
        np.testing.assert_array_equal(getattr(read, name), getattr(REFERENCE, name))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "prepare the model again"),
        (lambda path: path.write_bytes(b"PK"), "prepare the model again"),
        (lambda path: np.savez(path, image=np.zeros(1)), "prepare the model again"),
        (lambda path: np.savez_compressed(path, image=np.zeros(10**7)), "holds 80,"),
        (
            lambda path: np.savez(
                path, image=np.zeros((1, 2, 2, 1)), valid=np.zeros((1, 2, 3)), outputs=np.zeros((1, 2, 2, 2))
            ),
            "do not fit together",
        ),
    ],
)
def test_a_file_that_is_no_reference_is_refused(write, message, tmp_path):
    write(tmp_path / PROBE)
    with pytest.raises(ProbeFileError, match=message):
        Reference.read(tmp_path)
