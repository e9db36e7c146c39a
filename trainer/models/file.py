"""A model that was trained elsewhere: it is not trained, and goes through proof, deployment and map as it is."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from earthline.config.model import Finished
from earthline.config.model_file import KERAS, ONNX, ModelFile
from earthline.config.section import Number, Section
from earthline.formats.examples import IMAGE, VALID
from trainer.models.parts.declared import Declared

Spread = Annotated[Number, Field(gt=0)]


class Normalization(Section):
    """What was done to the bands before the model saw them: `(band - mean) / std`, in the imagery's units."""

    mean: Number | tuple[Number, ...] = Field(
        default=0.0,
        description="Subtracted from each band, in its units: one number for all, or one for each in the imagery's "
        "order.",
    )
    std: Spread | tuple[Spread, ...] = Field(
        default=1.0,
        description="Each band is divided by this after that, in its units: one number for all, such as 10000 where "
        "the imagery has reflectance times 10000 and the model was trained on reflectance, or one for each.",
    )

    def of(self, bands: int) -> tuple[list[float], list[float]]:
        """Mean and std of each band.

        Args:
            bands: Their number.

        Raises:
            ValueError: They are given for another number of bands.
        """
        found = []
        for name, given in (("mean", self.mean), ("std", self.std)):
            each = list(given) if isinstance(given, tuple) else [given] * bands
            if len(each) != bands:
                raise ValueError(
                    f"normalization.{name} has {len(each)} numbers, the imagery has {bands} bands; give one for each "
                    "in their order, or one for all"
                )
            found.append([float(number) for number in each])
        return found[0], found[1]


class File(ModelFile, Finished):
    """A Keras or ONNX model of the imagery's bands, in their order and in their units."""

    SUFFIXES: ClassVar[tuple[str, ...]] = (KERAS, ONNX)

    name: Literal["file"] = Field(default="file", description="Architecture.")
    file: str = Field(
        min_length=1,
        max_length=1024,
        description="Keras 3 model (.keras) or ONNX (.onnx, such as PyTorch exports): gs:// or on this machine, "
        "relative to the config's folder.",
    )
    normalization: Normalization = Field(
        default_factory=Normalization,
        description="What the training did to the bands before the model saw them; left out where the model does it "
        "itself.",
    )
    activation: Literal["none", "softmax", "sigmoid"] = Field(
        default="none",
        description="What is still to be done to the values of its last layer: `softmax` where they are logits of "
        "classes, `sigmoid` where there is one, the logit of the second of two classes.",
    )
    declares: Declared | None = Field(
        default=None,
        description="Stride and receptive field, which are checked before the model is taken; left out, those that its "
        "layers add up to, where the file is on this machine.",
    )

    @model_validator(mode="after")
    def _is_measured(self) -> Self:
        if self.declares is None:
            # The section is frozen for those who use it; here it is still in the making.
            declares, bands = _measured(self.model_copy())
            self.__dict__.update(declares=declares, bands=bands)
        return self

    @cached_property
    def bands(self) -> int | None:
        """How many the file takes, where it was read with the config; None where it was not, as in a step."""
        return None

    @property
    def stride(self) -> int:
        """As declared, or as measured."""
        return self._told.stride

    @property
    def receptive_field(self) -> int:
        """As declared, or as measured."""
        return self._told.receptive_field

    @property
    def _told(self) -> Declared:
        assert self.declares is not None, "a section that was read has it"
        return self.declares

    @property
    def is_onnx(self) -> bool:
        """Whether it is no Keras model yet."""
        return self.file.lower().endswith(ONNX)

    def suited(self, bands: Sequence[str]) -> Self:
        """As `Model.suited`: of a file that takes as many bands, with a normalization of as many."""
        if self.bands is not None:
            self._require_bands(self.bands, len(bands))
        self.normalization.of(len(bands))
        return self

    def network(self, mean: Sequence[float], std: Sequence[float], outputs: Sequence[int]) -> Any:
        """As `Finished.network`."""
        import keras
        from keras import layers, ops

        from trainer import model_file

        model = self._read()
        wanted = len(mean)
        self._require_bands(model_file.bands(model, self.file), wanted)
        self._require_entries(int(model.outputs[0].shape[-1]), outputs)
        image, valid = keras.Input((None, None, wanted), name=IMAGE), keras.Input((None, None, 1), name=VALID)
        # What a masked pixel holds must change nothing, in a model that knows of no masks too.
        known = ops.where(ops.greater(valid, 0.5), image, ops.convert_to_tensor(list(mean), dtype="float32"))
        if self.normalization != Normalization():
            middle, spread = self.normalization.of(wanted)
            known = layers.Normalization(mean=middle, variance=[each**2 for each in spread], dtype="float32")(known)
        x = model(known if len(model.inputs) == 1 else [known, valid])
        if self.activation == "softmax":
            x = layers.Activation("softmax", dtype="float32")(x)
        elif self.activation == "sigmoid":
            # The sigmoid of a logit is a softmax of it and 0, the first class being what the second is not.
            x = layers.Activation("softmax", dtype="float32")(ops.concatenate([ops.zeros_like(x), x], axis=-1))
        built = keras.Model([image, valid], x, name=self.name)
        scale = ops.convert_to_tensor(list(std), dtype="float32")
        try:
            self._told.require(lambda each, mask: built([each * scale + list(mean), mask], training=False), wanted)
        except ValueError as error:
            raise ValueError(f"train.model.declares: {self.file}: {error}") from error
        model_file.require_any_shape(built, f"train.model.file: {self.file}")
        return built

    def _read(self) -> Any:
        """The Keras model of the file, from images to what its last layer gives."""
        from trainer import model_file
        from trainer.models.onnx import files

        if not self.is_onnx:
            return model_file.read(self)
        with model_file.fetched(self) as path:
            content = files.content(path, self.file)
        try:
            found = files.read(content, self.file, self.stride)
        except ValueError as error:
            raise ValueError(f"train.model.file: {error}") from error
        if found.receptive_field > self.receptive_field:
            raise ValueError(
                f"train.model.declares: {self.file}: receptive_field {self.receptive_field} is too small: by its "
                f"layers an output rests on a square of {found.receptive_field} px; declare {found.receptive_field}"
            )
        if found.placed:
            print(
                f"{self.name}: {self.file} aligns the corners of what it makes larger ({', '.join(found.placed[:3])}), "
                "so that an answer depends a little on where its tile lies: the proof before a deploy will show how "
                "much. To avoid it, export the network with align_corners=False",
                flush=True,
            )
        return found.model

    def _require_bands(self, found: int, wanted: int) -> None:
        if found != wanted:
            raise ValueError(
                f"train.model.file: {self.file} takes {found} bands, the imagery has {wanted}; give data.imagery the "
                "bands that it was trained on, in their order"
            )

    def _require_entries(self, given: int, outputs: Sequence[int]) -> None:
        if self.activation == "sigmoid":
            if given != 1 or outputs[0] != 2:
                raise ValueError(
                    f"train.model.activation: sigmoid is for one logit that tells two classes apart; {self.file} gives "
                    f"{given} values for each pixel, data.labels has {outputs[0]}; use softmax, or none"
                )
            return
        if given not in outputs:
            hint = (
                "; if it is the logit of the second class, write `activation: sigmoid`"
                if given == 1 and outputs[0] == 2
                else "; list what it was trained on, in its order"
            )
            raise ValueError(
                f"train.model.file: {self.file} gives {given} {'value' if given == 1 else 'values'} for each pixel, "
                f"data.labels has {outputs[0]}{hint}"
            )


def _measured(section: File) -> tuple[Declared, int]:
    """Stride and receptive field of a file that is at hand, and the number of its bands."""
    if not section.local or not Path(section.file).is_file():
        raise ValueError(
            f"declares is left out, and {section.file} is not read before a run: write `declares: {{stride: …, "
            "receptive_field: …}`. Of a copy on this machine, named by `file`, `earthline check` tells both"
        )
    from trainer import model_file
    from trainer.models.onnx import files
    from trainer.models.parts.measured import measured

    if not section.is_onnx:
        model = model_file.read(section)
        bands = model_file.bands(model, section.file)
        model_file.require_any_shape(model, section.file)
        try:
            return measured(model, bands), bands
        except ValueError as error:
            raise ValueError(f"{section.file}: {error}") from error
    with model_file.fetched(section) as path:
        found = files.seen(files.content(path, section.file), section.file)
    declared = Declared(stride=found.stride, receptive_field=found.receptive_field)
    return declared, int(found.model.inputs[0].shape[-1])
