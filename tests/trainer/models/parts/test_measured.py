"""Stride and receptive field of a network are found by what it is, whatever its weights are."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from trainer.models.parts.declared import Declared
from trainer.models.parts.measured import measured

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

BANDS = 2


def u_net(image: Any, depth: int) -> Any:
    x, skips = image, []
    for _ in range(depth):
        x = layers.Conv2D(6, 3, padding="same", activation="tanh")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    for skip in reversed(skips):
        x = layers.UpSampling2D(interpolation="nearest")(x)
        x = layers.Conv2D(6, 3, padding="same", activation="tanh")(layers.Concatenate()([x, skip]))
    return layers.Conv2D(3, 1)(x)


def network(of: Any) -> Any:
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, BANDS))
    return keras.Model(image, of(image))


@pytest.mark.parametrize(
    ("of", "stride"),
    [
        (lambda image: layers.Dense(2, activation="softmax")(image), 1),
        (lambda image: layers.Conv2D(2, (3, 7), padding="same", dilation_rate=(4, 1))(image), 1),
        (lambda image: u_net(image, 2), 4),
        (lambda image: network(lambda inner: u_net(inner, 1))(layers.Rescaling(2.0)(image)), 2),
        # What a convolution takes off, a transposed one gives back.
        (lambda image: layers.Conv2DTranspose(2, 5)(layers.Conv2D(3, 5, activation="tanh")(image)), 8),
    ],
)
def test_slopes_see_as_far_and_no_further(of: Any, stride: int) -> None:
    found = network(of)
    told = measured(found, BANDS)
    assert told.stride == stride
    told.require(lambda image, _: found(image), BANDS)
    if told.receptive_field > 1:
        closer = Declared(stride=stride, receptive_field=told.receptive_field - 2)
        with pytest.raises(ValueError, match=f"too small.*declare {told.receptive_field} or more"):
            closer.require(lambda image, _: found(image), BANDS)


def test_weights_that_are_zero_hide_no_pixel() -> None:
    found = network(lambda image: layers.MaxPooling2D(5, 1, padding="same")(layers.Conv2D(2, 3, padding="same")(image)))
    found.set_weights([np.zeros_like(each) for each in found.get_weights()])
    assert measured(found, BANDS) == Declared(stride=1, receptive_field=7)


def test_the_validity_may_be_a_second_input() -> None:
    image, valid = keras.Input((None, None, BANDS)), keras.Input((None, None, 1))
    found = keras.Model([image, valid], layers.Conv2D(2, 3, padding="same")(layers.Concatenate()([image, valid])))
    assert measured(found, BANDS) == Declared(stride=1, receptive_field=3)


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (lambda image: image * layers.GlobalMaxPooling2D(keepdims=True)(image), "layers that see the whole image"),
        (lambda image: layers.Conv2D(2, 3)(image), "no stride up to 256 helps.*declares: {stride"),
        (lambda image: layers.Activation("log_softmax")(image * np.inf), "no finite numbers"),
    ],
)
def test_what_has_no_bound_is_told(of: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        measured(network(of), BANDS)


@pytest.mark.parametrize("side", [3, 5])
def test_an_output_that_is_smaller_is_refused_however_narrow_the_image_is(side: int) -> None:
    found = network(lambda image: layers.Conv2D(2, side)(image))
    with pytest.raises(ValueError, match="gives an output of shape"):
        Declared(stride=side - 1, receptive_field=side).require(lambda image, _: found(image), BANDS)
