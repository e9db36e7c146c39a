"""A network of the user's own: a function in an installed package builds its layers."""

from functools import cache
from importlib import import_module
from typing import Any

from pydantic import Field

from earthline.config.model import Network
from earthline.config.section import Number, WholeNumber
from trainer.models.parts.declared import Declared

Option = bool | WholeNumber | Number | str


class Factory(Network):
    """Calls `function(image, valid, **options)`, which gives features.

    The function takes Keras tensors: image (patches, height, width, bands), normalized and 0 where masked, and valid
    (patches, height, width, 1), 1 where valid and 0 where masked. It gives a Keras tensor (patches, height, width,
    features), to which the head of the task is added.
    """

    name: str = Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        description="Function that builds the layers, as package.module:function. The package must be installed "
        "wherever the pipeline runs: in `environment.image` and, if there is one, `train.image`.",
    )
    options: dict[str, Option | tuple[Option, ...]] = Field(
        default_factory=dict, description="Passed to the function by name, after image and valid."
    )
    declares: Declared = Field(description="Stride and receptive field, which are checked before the training begins.")

    @property
    def stride(self) -> int:
        """As declared."""
        return self.declares.stride

    @property
    def receptive_field(self) -> int:
        """As declared."""
        return self.declares.receptive_field

    @property
    def modules(self) -> tuple[str, ...]:
        """The function's module."""
        return (self.name.partition(":")[0],)

    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """As `Network.features`.

        Raises:
            ValueError: The function is not there, fails, gives no features, or breaks what is declared.
        """
        _require(self.model_dump_json(), int(image.shape[-1]))
        return self._called(image, valid)

    def _called(self, image: Any, valid: Any) -> Any:
        module, _, function = self.name.partition(":")
        try:
            build = getattr(import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise ValueError(
                f"train.model.name: {self.name} cannot be loaded ({error}); install its package in the image of the "
                "training"
            ) from error
        try:
            found = build(image, valid, **self.options)
        except TypeError as error:
            raise ValueError(
                f"train.model.name: {self.name} cannot be called with image, valid and the options "
                f"{', '.join(self.options) or '(none)'}: {error}"
            ) from error
        if len(getattr(found, "shape", ())) != 4 or not isinstance(found.shape[-1], int):
            raise ValueError(
                f"train.model.name: {self.name} gives {getattr(found, 'shape', type(found).__name__)}; it must give "
                "one Keras tensor (patches, height, width, features)"
            )
        return found


@cache
def _require(section: str, bands: int) -> None:
    """Checks once in a process what is declared, on a network that is thrown away."""
    import keras

    factory = Factory.model_validate_json(section)
    inputs = [keras.Input((None, None, bands)), keras.Input((None, None, 1))]
    network = keras.Model(inputs, factory._called(*inputs))
    try:
        factory.declares.require(lambda image, valid: network([image, valid], training=False), bands)
    except ValueError as error:
        raise ValueError(f"train.model.declares: {factory.name}: {error}") from error
