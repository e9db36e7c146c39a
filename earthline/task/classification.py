"""Classification: each pixel is of one class; a model gives the probability of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import ee
import numpy as np

from earthline.formats.evaluations import Accuracy
from earthline.formats.examples import UNLABELLED
from earthline.task.accuracy import accuracy, confusion
from earthline.task.bootstrap import Bootstrap
from earthline.task.task import MISSING_COLOR, Legend, Task

Array = np.ndarray[Any, Any]

CLASS_BAND = "class_id"
"""Band of the map."""
LARGEST_SUM = 2.0
"""Of a pixel's probabilities, far above 1: beyond it, and below 0, they are none."""
_LABEL_PIXELS = 65_536
"""Most label pixels that one pixel of the grid is made of: Earth Engine's limit, 256 a side."""


def most_frequent(image: Any) -> Any:
    """An `ee.Image` that, on a grid coarser than its own, gives the value that most of a pixel has; never a mean."""
    return image.reduceResolution(ee.Reducer.mode(), False, _LABEL_PIXELS)


@dataclass(frozen=True)
class Classification(Task):
    """The classes of a map.

    Attributes:
        names: By class id.
        colors: #rrggbb by class id; empty where nothing is to be drawn.
        values: Values of the label raster by class id; empty where no label raster is to be read.
    """

    name: ClassVar[str] = "classification"
    watched: ClassVar[Mapping[str, str]] = {"accuracy": "accuracy", "mean_iou": "mean IoU"}
    gate_metric: ClassVar[str] = "overall accuracy"
    map_band: ClassVar[str] = CLASS_BAND
    map_mark: ClassVar[str] = f"{CLASS_BAND}_class_names"
    map_type: ClassVar[str] = "uint8"
    no_data: ClassVar[int] = UNLABELLED

    names: tuple[str, ...]
    colors: tuple[str, ...] = ()
    values: tuple[tuple[int, ...], ...] = ()

    def encoded(self, values: Any, band: str) -> Any:
        """Class ids; a coarser pixel is of the class that covers most of it."""
        known = [value for of_class in self.values for value in of_class]
        ids = [class_id for class_id, of_class in enumerate(self.values) for _ in of_class]
        return most_frequent(values.remap(known, ids).rename(band)).toUint8()

    def label_problem(self, label: Array) -> str:
        """Values that are no class id."""
        unknown = np.unique(label[(label >= len(self.names)) & (label != UNLABELLED)])
        return f"{unknown.tolist()}, which are no class ids" if len(unknown) else ""

    def mapped(self, outputs: Any) -> Any:
        """The most probable class."""
        classes = outputs.arrayArgmax().arrayGet([0]).rename([CLASS_BAND]).toUint8()
        # Of NaN, argmax would make class 0. NaN compares false with everything, and makes a sum NaN.
        total = outputs.arrayReduce(ee.Reducer.sum(), [0]).arrayGet([0])
        return classes.updateMask(total.gt(0).And(total.lte(LARGEST_SUM)))

    def decoded(self, outputs: Array) -> Array:
        """The most probable class."""
        known = np.isfinite(outputs).all(axis=-1)
        return np.where(known, np.nan_to_num(outputs).argmax(axis=-1), UNLABELLED).astype(np.uint8)

    def map_problem(self, values: Array) -> str:
        """Class ids that no class has."""
        wrong = np.unique(values[values >= len(self.names)])
        if not len(wrong):
            return ""
        meaning = " (no prediction)" if UNLABELLED in wrong else ""
        return (
            f"the class ids {wrong.tolist()}{meaning} where the imagery is valid; known are 0 to {len(self.names) - 1}"
        )

    def colors_of(self, values: Array) -> Array:
        """Each pixel in its class's colour, light grey without one."""
        palette = np.full((UNLABELLED + 1, 3), MISSING_COLOR, np.uint8)
        for class_id, color in enumerate(self.colors):
            palette[class_id] = _rgb(color)
        picture: Array = palette[values]
        return picture

    @property
    def legend(self) -> Legend:
        """The classes, by class id."""
        return Legend(self.names, self.colors)

    def colormap(self) -> Mapping[int, tuple[int, int, int, int]]:
        """The classes' colours."""
        return {class_id: (*_rgb(color), 255) for class_id, color in enumerate(self.colors)} | {
            UNLABELLED: (0, 0, 0, 0)
        }

    def band_tags(self) -> Mapping[str, str]:
        """The classes' names."""
        return {f"class_{class_id}": name for class_id, name in enumerate(self.names)}

    def asset_properties(self) -> Mapping[str, Any]:
        """Names and palette, as Earth Engine's catalogue has them."""
        return {
            self.map_mark: list(self.names),
            f"{CLASS_BAND}_class_palette": [color.removeprefix("#") for color in self.colors],
            f"{CLASS_BAND}_class_values": list(range(len(self.names))),
        }

    @property
    def pyramiding_policy(self) -> str:
        """The most frequent class."""
        return "MODE"

    def model_properties(self) -> Mapping[str, str]:
        """Names and colours."""
        return {"class_names": ",".join(self.names), "class_colors": ",".join(self.colors)}

    def tally(self, labels: Array, predicted: Array, blocks: Array) -> Array:
        """Confusion matrices, (blocks, classes, classes)."""
        nothing = int((predicted == UNLABELLED).sum())
        if nothing:
            raise ValueError(
                f"the model gives no finite number for {nothing:,} of {len(predicted):,} test pixels; lower "
                "train.learning_rate and train it again"
            )
        return confusion(labels, predicted, blocks, len(self.names))

    def metrics(self, tally: Array, bootstrap: Bootstrap) -> Accuracy:
        """Overall accuracy, macro-F1, mean IoU, and those of each class."""
        return accuracy(tally, self.names, bootstrap)

    def gate_sums(self, tally: Array) -> tuple[Array, Array]:
        """Pixels that are right, and all pixels."""
        return np.asarray(np.trace(tally, axis1=1, axis2=2)), tally.sum(axis=(1, 2))

    def estimator(self, trees: int, seed: int) -> Any:
        """A forest of classification trees."""
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(
            n_estimators=trees, min_samples_leaf=3, max_features="sqrt", n_jobs=-1, random_state=seed
        )


def _rgb(color: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue
