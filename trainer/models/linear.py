"""A linear model of each pixel: with a softmax behind it, multinomial logistic regression.

The usual head on embeddings, such as those of AlphaEarth Foundations (Brown et al. 2025, arXiv 2507.22291), and what
few labels can bear.
"""

from typing import Any, Literal

from pydantic import Field

from earthline.config.model import Network
from trainer.models.parts.surroundings import Surroundings


class Linear(Surroundings, Network):
    """The task's head on the bands, and nothing between."""

    name: Literal["linear"] = Field(default="linear", description="Architecture.")

    @property
    def stride(self) -> int:
        """Any height and width will do."""
        return 1

    @property
    def receptive_field(self) -> int:
        """The largest window; without any, the pixel alone."""
        return self.side

    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """As `Network.features`."""
        return self.surroundings(image, valid)
