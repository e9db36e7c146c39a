"""Convolutions along the steps in time of each pixel, then in space.

The first half is TempCNN (Pelletier, Webb and Petitjean 2019, "Temporal convolutional neural network for the
classification of satellite image time series"): what a pixel does through the year tells crops and forests apart better
than any one date. Steps keep their places to the end, since the same green means different things in May and in August.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr

from earthline.config.model import Network
from earthline.config.section import Number, WholeNumber
from trainer.models.fcn import KERNEL, Dilation
from trainer.models.parts import convolutions, filling, reach

_STEP = re.compile(r"(?P<name>.+)_t(?P<number>[0-9]{2,})")
"""How `data.imagery` names a band of a step (see `earthline.config.sections.imagery.time.suffixes`)."""

Places = tuple[tuple[int, ...], ...]


class Temporal(Network):
    """For each pixel a series of its bands in time; for each place what its neighbours' series came to."""

    name: Literal["temporal"] = Field(default="temporal", description="Architecture.")
    filters: WholeNumber = Field(default=32, ge=4, le=512, description="Filters of each convolution.")
    layers: WholeNumber = Field(default=2, ge=1, le=6, description="Number of convolutions along time.")
    kernel: Literal[1, 3, 5, 7] = Field(default=3, description="Steps that a convolution along time sees at once.")
    dilations: tuple[Dilation, ...] = Field(
        default=(1, 2),
        max_length=12,
        description="Pixels between neighbours of each spatial convolution's 3 x 3 kernel: one number for each "
        "convolution, none for a model of single pixels.",
    )
    dropout: Number = Field(default=0.1, ge=0, lt=1, description="Share of feature maps dropped while training.")
    _bands: tuple[str, ...] = PrivateAttr(default=())

    @property
    def stride(self) -> int:
        """Any height and width will do."""
        return 1

    @property
    def receptive_field(self) -> int:
        """Side in pixels: twice the sum of the dilations, and the pixel itself."""
        return reach.side(self.stride, lambda place: place.dilated(KERNEL, self.dilations))

    @property
    def filling(self) -> int:
        """Pixels on each side of the largest window of `filling.around`."""
        return self.receptive_field // 2

    def shrunk(self) -> Self:
        """With at most 8 filters."""
        return self.model_copy(update={"filters": min(8, self.filters)})

    def suited(self, bands: Sequence[str]) -> Self:
        """As `Model.suited`.

        Raises:
            ValueError: No band has steps in time.
        """
        series(bands)
        found = self.model_copy()
        found._bands = tuple(bands)
        return found

    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """As `Network.features`. Masked pixels hold what lies around them, as far as an output sees."""
        from keras import layers

        from trainer.layers import PixelSeries, SeriesImage

        image = filling.around(image, valid, self.receptive_field) if self.dilations else image
        found, of_a_step = [], series(self._bands)
        for places in of_a_step:
            steps = PixelSeries(places)(image)
            for _ in range(self.layers):
                steps = layers.Conv2D(
                    self.filters, (1, self.kernel), padding="same", use_bias=False, kernel_initializer="he_normal"
                )(steps)
                steps = layers.BatchNormalization(momentum=0.9, synchronized=synchronized)(steps)
                steps = layers.Activation("relu")(steps)
            found.append(SeriesImage()([steps, image]))
        x = layers.Concatenate()([*found, image, valid])
        x = convolutions.convolved(x, self.filters, synchronized=synchronized, side=1)
        for dilation in self.dilations:
            x = layers.SpatialDropout2D(self.dropout)(x)
            x = convolutions.convolved(x, self.filters, synchronized=synchronized, side=KERNEL, dilation=dilation)
        return layers.SpatialDropout2D(self.dropout)(x)


def series(bands: Sequence[str]) -> list[Places]:
    """Places of the bands that come once for each step in time.

    Args:
        bands: Names along an image's last axis, such as `B4_t00`, `B8_t00`, `B4_t01`, `B8_t01`, `elevation`.

    Returns:
        For each number of steps that bands have, for each step the places of its bands, from 0.

    Raises:
        ValueError: There are none.
    """
    places: dict[str, dict[int, int]] = {}
    for place, band in enumerate(bands):
        found = _STEP.fullmatch(band)
        if found:
            places.setdefault(found["name"], {})[int(found["number"])] = place
    whole = {
        name: steps for name, steps in places.items() if len(steps) > 1 and sorted(steps) == list(range(len(steps)))
    }
    if not whole:
        raise ValueError(
            f"name 'temporal' needs bands with steps in time, such as B4_t00 and B4_t01, and there are none among "
            f"{', '.join(bands[:10])}{' …' if len(bands) > 10 else ''}; give a source of data.imagery `time`, such as "
            "`time: month`, or use another model"
        )
    lengths = dict.fromkeys(len(steps) for steps in whole.values())
    return [
        tuple(tuple(steps[number] for steps in whole.values() if len(steps) == length) for number in range(length))
        for length in lengths
    ]
