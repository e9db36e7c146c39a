"""`train.model`: which architecture, and its own options.

An architecture describes itself: a class below `Network`, in one file, says its options, its stride and its receptive
field, and builds its layers; one below `Fitted` learns from a sample of pixels instead, and one below `Finished` has
learned already. This module knows no architecture. It finds them by the entry points of the group `earthline.models`,
each a mapping from names to `module:class`; Earthline's own is `trainer.models:MODELS`, and any installed package may
bring another (https://packaging.python.org/en/latest/specifications/entry-points). A name with a colon is a function
of the user's own, which the architecture registered as `FACTORY` calls.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, SerializeAsAny, ValidationInfo
from pydantic.json_schema import JsonSchemaValue

from earthline.config.section import Section

GROUP = "earthline.models"
DEFAULT = "unet"
FACTORY = "package.module:function"
MOVED = ("depth", "filters", "dropout")
"""Options that stood in `train` itself while there was one architecture."""


class Model(Section, ABC):
    """An architecture and its options."""

    STRIDE_OPTION: ClassVar[str] = ""
    """Option that makes the stride larger or smaller, for messages; empty where none does."""

    name: str = Field(description="Architecture.")

    @property
    @abstractmethod
    def stride(self) -> int:
        """Pixels that height and width of the input divide by."""

    @property
    def gives_further(self) -> bool:
        """Whether it gives what a loss may add to the task's entries, such as bounds of a value."""
        return True

    @property
    def of_trees(self) -> bool:
        """Whether it is a forest or boosted trees, as the stronger baselines of an evaluation are."""
        return False

    @property
    @abstractmethod
    def receptive_field(self) -> int:
        """Side in pixels of the square around a pixel on which its output rests, where all imagery is valid."""

    @property
    def filling(self) -> int:
        """Pixels around a masked one from which it may be filled in; 0 where nothing is."""
        return 0

    @property
    def reach(self) -> int:
        """Pixels on each side of a tile that its outputs may rest on, whatever is masked."""
        return self.receptive_field // 2 + self.filling

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether it can learn from patches of a shape.

        Args:
            shape: In pixels `(height, width)`.
        """
        return all(pixels % self.stride == 0 for pixels in shape)

    def shrunk(self) -> Self:
        """The same architecture with few weights and the same stride, for a run that only tries the way."""
        return self

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules to import before a saved model of this architecture is read: they may hold layers of their own."""
        return ()

    def suited(self, bands: Sequence[str]) -> Self:
        """The same architecture for an image of these bands, which one may have to know before it is built.

        Args:
            bands: Names along the image's last axis.

        Raises:
            ValueError: It cannot take them.
        """
        return self


class Network(Model):
    """An architecture of layers, which learns by passing over the examples many times."""

    @abstractmethod
    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """Builds the layers between the normalized image and the task's head.

        Args:
            image: Keras tensor (patches, height, width, bands) of mean 0 and std 1; 0 where masked.
            valid: Keras tensor (patches, height, width, 1), 1 where the image is valid and 0 where it is masked.
            synchronized: Whether batch statistics are taken over all replicas of a distributed run.

        Returns:
            Keras tensor (patches, height, width, features).
        """


class Fitted(Model):
    """An architecture that learns in one pass from a sample of pixels, such as a forest."""

    @property
    def gives_further(self) -> bool:
        """It does not learn by the loss."""
        return False

    @property
    def of_trees(self) -> bool:
        """All that learn so are."""
        return True


class Finished(Model):
    """An architecture that has learned already: nothing is trained."""

    @abstractmethod
    def network(self, mean: Sequence[float], std: Sequence[float], outputs: Sequence[int]) -> Any:
        """The Keras model, from image and mask to the task's output (see `trainer.network.build`).

        Args:
            mean: Mean of each band over the training patches, in the imagery's units.
            std: Standard deviation of each band, likewise.
            outputs: Numbers of values for each pixel that the task understands, the usual one first.

        Raises:
            ValueError: It takes other bands, gives other values, or breaks what is declared of it.
        """


class Compound(Model):
    """An architecture that is made of others, which each learn as they would alone."""

    @property
    @abstractmethod
    def parts(self) -> "tuple[Model, ...]":
        """The others."""

    @property
    def stride(self) -> int:
        """The least one that is good for all parts."""
        return math.lcm(*(part.stride for part in self.parts))

    @property
    def receptive_field(self) -> int:
        """The largest of all parts."""
        return max(part.receptive_field for part in self.parts)

    @property
    def reach(self) -> int:
        """Likewise."""
        return max(part.reach for part in self.parts)

    @property
    def gives_further(self) -> bool:
        """Where all parts do."""
        return all(part.gives_further for part in self.parts)

    @property
    def of_trees(self) -> bool:
        """Where all parts are."""
        return all(part.of_trees for part in self.parts)

    def suited(self, bands: Sequence[str]) -> Self:
        """As `Model.suited`; the parts are made suited where they learn."""
        for part in self.parts:
            part.suited(bands)
        return self

    @property
    def modules(self) -> tuple[str, ...]:
        """Those of all parts."""
        return tuple(dict.fromkeys(module for part in self.parts for module in part.modules))


@cache
def known() -> Mapping[str, str]:
    """Where each architecture that is installed here is, as `module:class` by name."""
    return {
        name: place
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.value, entry.name))
        for name, place in entry.load().items()
    }


def find(name: str) -> type[Model]:
    """The class of an architecture.

    Args:
        name: As in `train.model.name`.

    Raises:
        ValueError: There is none of this name, or it cannot be loaded.
    """
    registered = FACTORY if ":" in name else name
    if registered not in known():
        raise ValueError(f"name '{name}' is no model; known here: {', '.join(sorted(known())) or 'none'}")
    try:
        found = resolve_name(known()[registered])
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"name '{name}': {known()[registered]} cannot be loaded ({error}); install its package"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise ValueError(
            f"name '{name}': {known()[registered]} is no earthline.config.model.Model; correct the registry"
        )
    return found


def _read(value: Any, info: ValidationInfo) -> Any:
    """The section as the architecture of its name understands it."""
    if isinstance(value, str):
        raise ValueError(f"'{value[:40]}' stands where a section is meant; write `model: {{name: {value[:40]}}}`")
    if not isinstance(value, dict):
        return value
    name = value.get("name", DEFAULT)
    return (find(name) if isinstance(name, str) else Model).model_validate(value, context=info.context)


class _Schema:
    """The JSON schema of every architecture that is installed here."""

    def __init__(self, *, compound: bool) -> None:
        """With or without those that are made of others."""
        self._compound = compound

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = [find(name) for name in sorted(known())]
        chosen = [model for model in found if self._compound or not issubclass(model, Compound)]
        return {"anyOf": [handler(model.__pydantic_core_schema__) for model in chosen]}


def _simple(model: Model) -> Model:
    if isinstance(model, Compound):
        raise ValueError(f"'{model.name}' is made of other models itself; name those, such as random_forest or unet")
    return model


AnyModel = Annotated[SerializeAsAny[Model], BeforeValidator(_read), _Schema(compound=True)]
"""The section of one architecture; without `name` it is a U-Net's."""
AnyPart = Annotated[SerializeAsAny[Model], BeforeValidator(_read), AfterValidator(_simple), _Schema(compound=False)]
"""The same of one that is not made of others."""


def default() -> Model:
    """The architecture of a config that names none."""
    return find(DEFAULT).model_validate({})
