"""Tiles put together are what one prediction of the whole gives, or the plan is refused."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.prepare_saved_model import export, tiles
from components.prepare_saved_model.proof import seams
from components.prepare_saved_model.proof.case import Case, Refused, Undecided
from components.prepare_saved_model.proof.evidence import Evidence
from earthline import tile_plan
from earthline.config import Serving
from earthline.config.model import Network
from earthline.formats.served.contract import Contract
from earthline.formats.served.runtime_record import RuntimeFigures, RuntimeRecord
from earthline.task.classification.task import Classification
from earthline.tile_plan import Sight, Wire
from trainer import network
from trainer.models.context_unet import ContextUNet
from trainer.models.fcn import Fcn
from trainer.models.pixel_mlp import PixelMlp
from trainer.models.residual import Residual
from trainer.models.temporal import Temporal
from trainer.models.unet import UNet
from trainer.statistics import Statistics

from ..wrapped import CONTRACT, evidence, failed, found, small_network

Array = np.ndarray[Any, Any]
BANDS = ("red_t00", "nir_t00", "red_t01", "nir_t01")
EVERY: list[Network] = [
    UNet(depth=1, filters=4),
    UNet(depth=2, filters=4),
    ContextUNet(depth=1, filters=4, windows=(5, 9), units=(8,)),
    Fcn(filters=4),
    Residual(depth=1, filters=4, blocks=1),
    Temporal(filters=4).suited(BANDS),
    PixelMlp(units=4, context=3, windows=(5, 9)),
]


@pytest.fixture(autouse=True)
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seams, "LOOKS", 1)


def imagery() -> tuple[Array, Array]:
    """Patches with structure at all scales and with holes."""
    random = np.random.default_rng(8)
    image = random.normal(0, 1, (4, 64, 64, len(BANDS))).cumsum(axis=1).cumsum(axis=2)
    image = 20 + 10 * (image - image.mean(axis=(1, 2), keepdims=True)) / image.std(axis=(1, 2), keepdims=True)
    valid = random.random((4, 64, 64)) < 0.97
    valid[1, 20:45, 10:30] = False
    return (image * valid[..., np.newaxis]).astype(np.float32), valid.astype(np.float32)


IMAGE, VALID = imagery()


@dataclass(frozen=True)
class OfKeras(Case):
    """A network that is asked as its SavedModel would be: padded to its stride and cut back."""

    network: Any = None

    @property
    def served(self) -> Any:
        def arrays(image: Array, valid: Array) -> Array:
            both = tf.concat([tf.constant(image), tf.constant(valid[..., np.newaxis])], -1)
            padded, height, width = export._padded(both, self.contract.stride)
            answer = self.network([padded[..., :-1], padded[..., -1:]], training=False)
            return np.asarray(answer)[:, :height, :width]

        return SimpleNamespace(arrays=arrays)


def case(built: Any, stride: int, reach: int, **changes: Any) -> OfKeras:
    """A network with the plan that fits what it sees, and changes of the contract."""
    plan = tile_plan.best(Sight(stride, reach), Wire((1,) * 5, (1,), 130_000))
    assert plan is not None
    terms = {"tile_shape": plan.tile, "overlap": plan.overlap, "stride": stride, "reach": reach, **changes}
    contract = Contract(bands=BANDS, task=Classification(("a", "b", "c")).record, max_payload_bytes=130_000, **terms)
    outputs = np.asarray(built([IMAGE, VALID[..., np.newaxis]], training=False))
    return OfKeras(Path(), contract, Evidence(BANDS, IMAGE, VALID, np.zeros((4, 2), np.int64), outputs), built)


@cache
def built(place: int) -> Any:
    """A network whose weights are drawn so that far pixels count, as they do in one that has learned."""
    keras.utils.set_random_seed(5)
    statistics = Statistics((20.0,) * len(BANDS), (10.0,) * len(BANDS), 1)
    made = network.build(EVERY[place], statistics, lambda x: keras.layers.Conv2D(3, 1, activation="softmax")(x))
    random = np.random.default_rng(3)
    for variable in made.variables:
        if "moving_variance" in variable.path:
            variable.assign(random.uniform(0.5, 2, variable.shape))
        elif "moving_mean" in variable.path or "beta" in variable.path:
            variable.assign(random.normal(0, 0.3, variable.shape))
    return made


@pytest.mark.parametrize("place", range(len(EVERY)), ids=lambda place: f"{EVERY[place].name}_{EVERY[place].stride}")
def test_the_plan_of_every_architecture_leaves_no_seam_under_both_readings(place: int) -> None:
    architecture = EVERY[place]
    tried = case(built(place), architecture.stride, architecture.reach)
    said = seams.seams(tried)
    assert " as a total (1 looks)" in said and " at each edge (1 looks)" in said
    assert f"more than {architecture.reach} px away" in seams.far_pixels(tried)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"overlap": (16, 16)}, r"with overlap counted as a total, tiles differ .* of the pixels change their class"),
        ({"tile_shape": (30, 32)}, r"with overlap counted as a total, tiles differ"),
        ({"overlap": (28, 28), "overlap_reading": "each_edge"}, "with overlap counted at each edge, tiles differ"),
    ],
    ids=["too little context", "cells that do not match", "too little in the one reading that is true"],
)
def test_a_plan_with_seams_is_refused(changes: dict[str, Any], said: str) -> None:
    tried = case(built(1), 4, EVERY[1].reach, **changes)
    with pytest.raises(Refused, match=said):
        seams.seams(tried)
    with pytest.raises(Undecided, match=f"{said}.*; serving.seams allows it"):
        seams.seams(case(built(1), 4, EVERY[1].reach, **changes, seams_allowed=True))


def test_a_large_tile_is_looked_at_by_one_with_the_same_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seams, "MOST_PIXELS", 200**2)
    assert "tiles of 1202 x 24 px" in seams.seams(case(built(0), 2, EVERY[0].reach, tile_shape=(1202, 24)))
    with pytest.raises(Refused, match="tiles differ"):
        seams.seams(case(built(0), 2, EVERY[0].reach, tile_shape=(1201, 24)))


def looks_at_all(kind: str) -> Any:
    image, valid = keras.Input((None, None, len(BANDS))), keras.Input((None, None, 1))
    x = keras.layers.Rescaling(0.1)(keras.layers.Concatenate()([image, valid]))
    x = keras.layers.Conv2D(4, 3, padding="same")(x)
    if kind == "group":
        x = keras.layers.GroupNormalization(2)(x)
    elif kind == "pooled":
        x = keras.layers.Multiply()([x, keras.layers.GlobalAveragePooling2D(keepdims=True)(x)])
    elif kind == "each pixel":
        x = keras.layers.LayerNormalization()(x)
    return keras.Model([image, valid], keras.layers.Conv2D(3, 1, activation="softmax")(x))


@pytest.mark.parametrize("kind", ["group", "pooled"])
def test_layers_that_look_at_a_whole_tile_are_refused(kind: str) -> None:
    tried = case(looks_at_all(kind), 1, 1)
    with pytest.raises(Refused, match="what lies more than 1 px away changes probabilities") as refused:
        seams.far_pixels(tried)
    assert "GroupNormalization" in refused.value.fix and "global pooling" in refused.value.fix
    with pytest.raises(Refused, match="tiles differ from one prediction of the whole"):
        seams.seams(tried)


def test_layers_that_look_at_each_pixel_are_not() -> None:
    tried = case(looks_at_all("each pixel"), 1, 1)
    assert "0 as a total" in seams.seams(tried) or "e-" in seams.seams(tried)
    assert "more than 1 px away" in seams.far_pixels(tried)
    with pytest.raises(Refused, match="what lies more than 0 px away"):
        seams.far_pixels(case(looks_at_all("each pixel"), 1, 0))


def test_the_proof_of_a_saved_model_has_both_terms(tmp_path: Path) -> None:
    made, names = small_network(), ("edges of tiles", "what lies far away")
    # Pooled once, a pixel sees 1 px beyond its cell: 2 around it.
    fits = CONTRACT.model_copy(update={"reach": 2, "overlap": (4, 4)})
    export.save(made, fits, tmp_path)
    told = found(tmp_path, evidence(made), names)
    assert {name: told[name].passed for name in names} == dict.fromkeys(names, True)
    fits.model_copy(update={"reach": 0}).write(tmp_path)
    assert failed(found(tmp_path, evidence(made), names)) == {"what lies far away"}
    fits.model_copy(update={"overlap": (2, 2)}).write(tmp_path)
    assert failed(found(tmp_path, evidence(made), names)) == {"edges of tiles"}
    fits.model_copy(update={"reach": None}).write(tmp_path)
    assert {each.passed for each in found(tmp_path, evidence(made), names).values()} == {None}


def test_a_request_that_takes_longer_than_an_endpoint_waits_is_told() -> None:
    figures = {"version": "1", "batch": 1, "tiles_per_second": 1.0, "load_seconds": 1.0, "max_difference": 0.0}
    for milliseconds, passed in ((20.0, True), (70_000.0, None)):
        measured = RuntimeFigures(name="tensorflow", processor_milliseconds=milliseconds, **figures)
        contract = CONTRACT.model_copy(
            update={"runtime": RuntimeRecord(figures=(measured,)), "tile_shape": (200, 200), "max_payload_bytes": 10**6}
        )
        found = tiles.answer_time(Serving(), contract)
        assert (
            found.passed is passed and "1 tile(s) take" in found.detail and "shared endpoints wait 60 s" in found.detail
        )
    assert tiles.answer_time(Serving(), CONTRACT).passed is None
