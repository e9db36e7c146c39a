"""The section `budget`: what a run may cost at most."""

from typing import Literal

from pydantic import Field

from earthline.config.section import Number, Section, WholeNumber

Tier = Literal["community", "contributor", "partner", "commercial"]


class Budget(Section):
    """What a run may cost at most. `earthline plan` shows the figures; what is dearer is not started."""

    earth_engine: Tier = Field(
        default="community",
        description="How the project is registered with Earth Engine: a noncommercial tier, whose computing costs "
        "nothing within its month (`community` 150, `contributor` 1,000, `partner` 100,000 EECU-hours), or "
        "`commercial`, which pays by the EECU-hour.",
    )
    dollars: Number | None = Field(
        default=None,
        ge=0,
        description="Most US dollars of one run: export, training, steps and map, without the endpoint's standing.",
    )
    monthly_dollars: Number | None = Field(
        default=None,
        ge=0,
        description="Most US dollars that the endpoint may cost in a month, idle hours and former champions included.",
    )
    eecu_hours: Number | None = Field(
        default=None, ge=0, description="Most EECU-hours of Earth Engine that one run may take, of export and map."
    )
    requests: WholeNumber | None = Field(
        default=None, ge=0, description="Most requests to Earth Engine in one run, of export and map."
    )

    @property
    def is_set(self) -> bool:
        """True where anything is limited."""
        limits = (self.dollars, self.monthly_dollars, self.eecu_hours, self.requests)
        return any(limit is not None for limit in limits)
