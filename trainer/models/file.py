"""A model that was trained elsewhere: it is not trained, and goes through proof, deployment and map as it is."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from earthline.config.model import Finished
from earthline.config.model_file import ModelFile
from earthline.formats.examples import IMAGE, VALID
from trainer.models.parts.declared import Declared


class File(ModelFile, Finished):
    """A Keras model of the imagery's bands, in their order and in their units."""

    name: Literal["file"] = Field(default="file", description="Architecture.")
    activation: Literal["none", "softmax"] = Field(
        default="none",
        description="What is still to be done to the values of its last layer: `softmax` where they are logits of "
        "classes.",
    )
    declares: Declared = Field(description="Stride and receptive field, which are checked before the model is taken.")

    @property
    def stride(self) -> int:
        """As declared."""
        return self.declares.stride

    @property
    def receptive_field(self) -> int:
        """As declared."""
        return self.declares.receptive_field

    def network(self, mean: Sequence[float], std: Sequence[float], outputs: Sequence[int]) -> Any:
        """As `Finished.network`."""
        import keras
        from keras import layers, ops

        from trainer import model_file

        model = model_file.read(self)
        wanted, found = len(mean), model_file.bands(model, self.file)
        if found != wanted:
            raise ValueError(
                f"train.model.file: {self.file} takes {found} bands, the imagery has {wanted}; give data.imagery the "
                "bands that it was trained on, in their order"
            )
        given = int(model.outputs[0].shape[-1])
        if given not in outputs:
            raise ValueError(
                f"train.model.file: {self.file} gives {given} values for each pixel, data.labels has {outputs[0]}; "
                "list what it was trained on, in its order"
            )
        image, valid = keras.Input((None, None, wanted), name=IMAGE), keras.Input((None, None, 1), name=VALID)
        # What a masked pixel holds must change nothing, in a model that knows of no masks too.
        known = ops.where(ops.greater(valid, 0.5), image, ops.convert_to_tensor(list(mean), dtype="float32"))
        x = model(known if len(model.inputs) == 1 else [known, valid])
        if self.activation == "softmax":
            x = layers.Activation("softmax", dtype="float32")(x)
        built = keras.Model([image, valid], x, name=self.name)
        scale = ops.convert_to_tensor(list(std), dtype="float32")
        try:
            self.declares.require(lambda each, mask: built([each * scale + list(mean), mask], training=False), wanted)
        except ValueError as error:
            raise ValueError(f"train.model.declares: {self.file}: {error}") from error
        return built
