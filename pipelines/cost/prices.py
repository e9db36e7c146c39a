"""Prices by a dated table: Google's public ones, and a user's own before them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self, get_args

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from earthline.config.section import Section

What = Literal[
    "earth_engine",
    "training_machine",
    "training_accelerator",
    "serving_machine",
    "pipeline",
    "storage",
    "dataflow",
]


class PricesError(ValueError):
    """A table of prices that cannot be used; the text names file, place and fix."""


class Group(Section):
    """Prices that stand on one page.

    Attributes:
        what: What they are for.
        location: Google Cloud location in which they hold; None where it does not matter.
        unit: What a price is for.
        page: Where they stand.
        via: Who transcribed the page, where it was not read itself.
        read: Day, month or year in which they were read there.
        derived: How they come from the page's, where they do not stand there as such.
        usd: US dollars by item.
    """

    what: What
    location: str | None = None
    unit: str
    page: str
    via: str = ""
    read: date | int | str
    derived: str = ""
    usd: dict[str, float] = Field(min_length=1)


@dataclass(frozen=True)
class Price:
    """A price, and where it comes from.

    Attributes:
        usd: US dollars a unit.
        item: What it is for, such as n1-standard-8.
        group: With what it stands.
    """

    usd: float
    item: str
    group: Group

    @property
    def source(self) -> str:
        """Where it stands, and when it was read there."""
        derived = f", {self.group.derived}" if self.group.derived else ""
        what = self.group.what.replace("_", " ")
        return f"{what} {self.item}: {self.usd:g} per {self.group.unit} ({self.group.page}, {self.group.read}{derived})"


class Prices:
    """A table of prices."""

    def __init__(self, groups: tuple[Group, ...], location: str) -> None:
        """Takes what holds in a location.

        Args:
            groups: The first that has an item decides.
            location: Google Cloud location, such as us-central1.
        """
        self._groups = tuple(group for group in groups if group.location in (None, location))
        self._used: dict[tuple[str, str], Price] = {}
        self.location = location

    @classmethod
    def load(cls, location: str, path: Path | None = None) -> Self:
        """Reads the table of this product, and a user's own before it.

        Args:
            location: Google Cloud location, such as us-central1.
            path: A user's table.

        Raises:
            PricesError: It cannot be read.
        """
        own = () if path is None else _read(path)
        return cls((*own, *_shipped()), location)

    def find(self, what: What, item: str) -> Price | None:
        """A price, or None where it is not in the table.

        Args:
            what: What it is for.
            item: Such as n1-standard-8.
        """
        for group in self._groups:
            if group.what == what and item in group.usd:
                return self._used.setdefault((what, item), Price(group.usd[item], item, group))
        return None

    def earth_engine(self, hours: float) -> float | None:
        """US dollars for EECU-hours of a commercial project whose month begins with them; None without a price.

        Args:
            hours: EECU-hours.
        """
        group = next((group for group in self._groups if group.what == "earth_engine"), None)
        if group is None or "0" not in group.usd:
            return None
        begins = sorted((float(begin), begin) for begin in group.usd)
        total = 0.0
        for (begin, name), (end, _) in pairwise([*begins, (float("inf"), "")]):
            if hours > begin:
                self.find("earth_engine", name)
                total += (min(hours, end) - begin) * group.usd[name]
        return total

    @property
    def used(self) -> Iterator[Price]:
        """Those that were asked for and found, in that order."""
        yield from self._used.values()


@cache
def _shipped() -> tuple[Group, ...]:
    return _groups(yaml.safe_load(files(__package__).joinpath("prices.yaml").read_text(encoding="utf-8")))


def _groups(content: Any) -> tuple[Group, ...]:
    if not isinstance(content, dict) or set(content) != {"prices"}:
        raise ValueError("it must hold one key, `prices`, with a list of groups below it")
    return TypeAdapter(tuple[Group, ...]).validate_python(content["prices"])


def _read(path: Path) -> tuple[Group, ...]:
    try:
        return _groups(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PricesError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in ("prices", *first["loc"]))
        known = ", ".join(get_args(What))
        hint = f"; `what` is one of {known}" if first["loc"][-1:] == ("what",) else ""
        raise PricesError(f"{path}: {place}: {first['msg']}{hint}; docs/how-to/cost.md shows the form") from error
    except ValueError as error:
        raise PricesError(f"{path}: {error}; docs/how-to/cost.md shows the form") from error
