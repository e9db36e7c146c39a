"""The section `train.certainty`: what is learned beside the map, so that a map can say where it is to be believed."""

from pydantic import Field

from earthline.config.section import Number, Section


class Certainty(Section):
    """What is learned beside the map."""

    coverage: Number = Field(
        default=0.9,
        ge=0.5,
        le=0.999,
        description="Share of pixels whose class a set of classes should hold, 0.5 to 0.999, for the map's band "
        "`set_size`. The validation split decides how large sets have to be; the test blocks tell whether it was kept.",
    )
    temperature: bool = Field(
        default=True,
        description="Whether the model's certainty is scaled so that it fits the validation split (temperature "
        "scaling). No pixel gets another class by it.",
    )
    applicability: bool = Field(
        default=False,
        description="Whether the model also tells how unlike the training pixels each pixel is, for the map's bands "
        "`dissimilarity` and `applicable`. The endpoint's answers hold one number more for each pixel.",
    )
