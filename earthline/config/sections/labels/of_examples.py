"""Labels that stand in examples made elsewhere."""

from typing import Self

from pydantic import Field, model_validator

from earthline.config.section import Number
from earthline.config.sections.labels.section import Labels


class ExampleLabels(Labels):
    """Labels from a feature of the records that `data.examples` names."""

    feature: str = Field(min_length=1, description="Feature of a record that holds the label of each pixel.")
    ignore: tuple[Number, ...] = Field(default=(), description="Values of the feature that mean no label.")

    @model_validator(mode="after")
    def _is_in_place(self) -> Self:
        if self.offset != (0, 0):
            raise ValueError("offset: labels of examples lie on their pixels already; remove it")
        return self

    @property
    def asset(self) -> str:
        """No asset holds them."""
        return ""

    @property
    def told(self) -> str:
        """The feature."""
        return f"the feature '{self.feature}' of the examples"
