"""Preconditions of a request: https://cloud.google.com/storage/docs/request-preconditions."""

from collections.abc import Mapping
from dataclasses import dataclass

from earthline_sandbox.errors import ApiError, invalid


@dataclass(frozen=True)
class Conditions:
    """What must hold of an object before a request changes or reads it; None does not matter."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str], source: bool = False) -> "Conditions":
        """From query parameters; `source` reads those of the source object of a rewrite."""
        prefix = "ifSource" if source else "if"

        def number(name: str) -> int | None:
            text = query.get(prefix + name)
            if text is None:
                return None
            if not text.isdigit():
                raise invalid(f"Invalid value '{text}' for {prefix}{name}: a whole number is expected")
            return int(text)

        return cls(
            number("GenerationMatch"),
            number("GenerationNotMatch"),
            number("MetagenerationMatch"),
            number("MetagenerationNotMatch"),
        )

    def check(self, generation: int, metageneration: int) -> None:
        """Raises ApiError 412 where one does not hold; both are 0 where there is no object."""
        holds = (
            self.generation_match in (None, generation)
            and (self.generation_not_match is None or self.generation_not_match != generation)
            and self.metageneration_match in (None, metageneration)
            and (self.metageneration_not_match is None or self.metageneration_not_match != metageneration)
        )
        if not holds:
            raise ApiError(
                "FAILED_PRECONDITION", "At least one of the pre-conditions you specified did not hold.", code=412
            )
