"""What can be made of outputs in Earth Engine, and what is refused with the line to change."""

from typing import Any

import pytest

from earthline.earth_engine import confidence, ee_model
from earthline.earth_engine.predictions import Predictions
from earthline.formats.certainty import Certainty
from earthline.formats.served.outputs import ServedOutput
from earthline.task.classification.task import Classification

TASK = Classification(("wet", "dry", "bare"))
CLASS = ServedOutput(name="class_id", type="uint8", made="most_probable", used=3)
COARSE = ServedOutput(name="probabilities", type="uint8", entries=3, used=3)
WHOLE = ServedOutput(name="probabilities", entries=5, used=5)


class Image:
    """An image that writes down what is asked of it, as no Earth Engine is at hand."""

    def __init__(self, said: str = "given") -> None:
        self.said = said

    def __getattr__(self, name: str) -> Any:
        return lambda *given: Image(f"{self.said}.{name}({', '.join(map(str, given))})")


def said(found: Any) -> str:
    assert isinstance(found, Image)
    return found.said


def test_bands_come_as_they_are_and_shares_in_their_own_units() -> None:
    shares = ServedOutput(name="margin", type="uint8", made="margin", used=3)
    given = Predictions(Image(), (CLASS, shares, COARSE))
    assert said(given.band("class_id")) == "given.select(['class_id'])"
    assert said(given.band("margin")) == "given.select(['margin']).toFloat().divide(255)"
    assert given.band("probabilities") is None and given.band("probability") is None


def test_arrays_are_taken_where_they_are_exact_and_long_enough() -> None:
    assert Predictions(Image(), (CLASS, COARSE)).array(0, 3) is None
    whole = Predictions(Image(), (WHOLE,))
    assert said(whole.array(0, 3)) == "given.select(['probabilities'])"
    assert whole.array(0, 6) is None and whole.array(1, 3) is None
    assert said(whole.entry(4)) == "given.select(['probabilities']).arrayGet([4])"
    assert whole.entry(5) is None


def test_what_is_not_served_is_refused() -> None:
    with pytest.raises(ValueError, match=r"serves probabilities, of which no map .* set serving\.outputs: auto"):
        ee_model.mapped(Predictions(Image(), (COARSE,)), Image(), TASK)
    given, sure = Predictions(Image(), (CLASS, COARSE)), Certainty(set_limit=0.1, dissimilarity_limit=0.5)
    for name, message in (("margin", "serves no 'margin'; add it"), ("applicable", "serves no 'dissimilarity'; add")):
        with pytest.raises(ValueError, match=message):
            confidence.bands(given, [name], TASK, ["dissimilarity"], sure)
    with pytest.raises(ValueError, match=r"gives no 'q0\.05'; train it again"):
        confidence.bands(given, ["q0.05"], TASK, [], sure)
