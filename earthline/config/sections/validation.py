"""The section `validation`: what examples must hold, and how closely labels are looked at."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, ValidationInfo, model_validator

from earthline.config import document
from earthline.config.section import Number, Section, Shape

MOST_BYTES = 200_000
"""Largest schema file: it travels to the step in its arguments."""

Share = Annotated[Number, Field(ge=0, le=1)]


class BandSchema(Section):
    """What is expected of a band."""

    data_type: str = Field(description="NumPy name of the type, such as uint16.")
    minimum: Number = Field(allow_inf_nan=False, description="Least value that is expected, in units of the band.")
    maximum: Number = Field(allow_inf_nan=False, description="Largest value that is expected, in units of the band.")
    outside: Share = Field(
        default=0.01,
        description="Largest share of valid pixels beyond `minimum` and `maximum` that is a warning; more fails the "
        "run.",
    )

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}; swap them")
        return self


class ShareRange(Section):
    """Between which shares of the labelled ground a class may lie."""

    least: Share = Field(description="Least share that is expected, from 0 to 1.")
    most: Share = Field(description="Largest share that is expected, from 0 to 1.")

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least {self.least:g} is above most {self.most:g}; swap them")
        return self


class ExampleSchema(Section):
    """What examples must hold. The first run writes one as `schema.yaml`."""

    patch_shape: Shape | None = Field(
        default=None, description="Shape of a patch in pixels (height, width); left out, any."
    )
    bands: dict[str, BandSchema] = Field(min_length=1, description="Bands in their order, and what each holds.")
    masked: Share = Field(default=1.0, description="Largest share of masked pixels in a split, from 0 to 1.")
    unlabelled: Share = Field(
        default=1.0,
        description="Largest share of pixels without a label in a split, masked ones included, from 0 to 1.",
    )
    labels: dict[str, ShareRange] = Field(
        default_factory=dict,
        description="Classes (or other strata of the labels) and their share of the labelled ground over all splits.",
    )


class Validation(Section):
    """What examples must hold, and how closely labels are looked at."""

    schema_file: str | None = Field(
        default=None,
        min_length=1,
        description="YAML or JSON file with what is expected, relative to the config's folder; the first run writes "
        "one as `schema.yaml` among its results. Left out, nothing is expected.",
    )
    expected: ExampleSchema | None = Field(
        default=None, description="The same, written out here in place of `schema_file`."
    )
    label_noise: bool = Field(
        default=True,
        description="Whether a forest, trained on other blocks, looks for labels that are likely wrong; its findings "
        "never fail a run.",
    )

    @model_validator(mode="after")
    def _is_read(self, info: ValidationInfo) -> Self:
        if self.schema_file is None:
            return self
        if self.expected is not None:
            raise ValueError("`schema_file` and `expected` are two ways to say the same; remove one of the two")
        path = Path((info.context or {}).get("folder", ".")) / self.schema_file
        # The section is frozen for those who use it; here it is still in the making. What stays is the content, so
        # that it counts and not its name.
        self.__dict__.update(schema_file=None, expected=_read(path))
        return self


def _read(path: Path) -> ExampleSchema:
    advice = "check the name, or leave `schema_file` out and keep the `schema.yaml` that the next run writes"
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"schema_file: {path} is larger than {MOST_BYTES:,} bytes; it is no schema of examples")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"schema_file: {path} cannot be read ({error}); {advice}") from error
    try:
        return ExampleSchema.model_validate(document.read(text).content)
    except document.DocumentError as error:
        raise ValueError(f"schema_file: {path} is not YAML: {error}; {advice}") from error
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(str(part) for part in each['loc']) or 'the whole'}: {each['msg']}" for each in error.errors()
        )
        raise ValueError(f"schema_file: {path} is no schema of examples: {told}; {advice}") from error
