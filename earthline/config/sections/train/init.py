"""The section `train.init`: the trained model whose weights a training begins with."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from earthline.config.model_file import ModelFile


class Init(ModelFile):
    """A trained Keras model of the same architecture, to be tuned to the examples."""

    head: Literal["keep", "new"] = Field(
        default="keep",
        description="Last layer: `keep` that of the file, for the same classes in the same order, or begin with a "
        "`new` one.",
    )


def _read(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


AnyInit = Annotated[Init, BeforeValidator(_read, json_schema_input_type=str | Init)]
"""The section, or `file` alone."""
