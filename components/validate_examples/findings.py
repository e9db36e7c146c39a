"""What was found: every mistake before any is reported, each with its severity and its place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning"]

SHOWN = 5
"""Findings of one kind that are listed in full; the others are counted."""


@dataclass(frozen=True, order=True)
class Anomaly:
    """One finding.

    Attributes:
        shard: File that it is in; empty where it is of more than one.
        example: Number of the record in the shard, from 0; -1 where it is of more than one.
        band: Name of the band; empty where it is of none.
        text: What was found and what to do, in a sentence.
    """

    shard: str = ""
    example: int = -1
    band: str = ""
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values; places that it has none of are null."""
        return {
            "shard": self.shard or None,
            "example": self.example if self.example >= 0 else None,
            "band": self.band or None,
            "text": self.text,
        }


@dataclass
class Findings:
    """Findings by severity and kind; of each kind the first few are kept and all are counted.

    Attributes:
        kept: By severity and kind.
        counts: By severity and kind.
    """

    kept: dict[tuple[Severity, str], list[Anomaly]] = field(default_factory=dict)
    counts: dict[tuple[Severity, str], int] = field(default_factory=dict)

    def error(self, kind: str, text: str, *, shard: str = "", example: int = -1, band: str = "") -> None:
        """Notes what fails the run."""
        self._add(("error", kind), [Anomaly(shard, example, band, text)], 1)

    def warning(self, kind: str, text: str, *, shard: str = "", example: int = -1, band: str = "") -> None:
        """Notes what does not."""
        self._add(("warning", kind), [Anomaly(shard, example, band, text)], 1)

    def __add__(self, other: "Findings") -> "Findings":
        """Those of both."""
        total = Findings({key: list(found) for key, found in self.kept.items()}, dict(self.counts))
        for key, found in other.kept.items():
            total._add(key, found, other.counts[key])
        return total

    @property
    def failed(self) -> bool:
        """Whether anything fails the run."""
        return any(severity == "error" for severity, _ in self.kept)

    def has(self, *kinds: str) -> bool:
        """Whether an error of one of these kinds was found."""
        return any(("error", kind) in self.kept for kind in kinds)

    def errors(self) -> list[str]:
        """One line per error, with its kind; those beyond `SHOWN` of a kind counted."""
        return [f"{kind}: {line}" for kind, lines in self._lines("error") for line in lines]

    def warnings(self) -> list[str]:
        """One line per warning; those beyond `SHOWN` of a kind counted."""
        return [line for _, lines in self._lines("warning") for line in lines]

    def to_json(self) -> list[dict[str, Any]]:
        """Every finding that is kept, errors first, with severity, kind and place."""
        return [
            {"severity": severity, "kind": kind, **anomaly.to_json()}
            for wanted in ("error", "warning")
            for (severity, kind), found in self.kept.items()
            if severity == wanted
            for anomaly in found
        ]

    def _lines(self, wanted: Severity) -> Iterable[tuple[str, list[str]]]:
        for (severity, kind), found in self.kept.items():
            if severity == wanted:
                more = self.counts[severity, kind] - len(found)
                yield kind, [each.text for each in found] + ([f"{more:,} more like these"] if more else [])

    def _add(self, key: tuple[Severity, str], found: list[Anomaly], count: int) -> None:
        mine = [*self.kept.get(key, []), *found]
        if any(each.shard for each in mine):
            # Shards are read in any order: the first ones are told, whichever came first.
            mine.sort()
        self.kept[key] = mine[:SHOWN]
        self.counts[key] = self.counts.get(key, 0) + count


def listed(names: Mapping[str, str]) -> str:
    """Names and what is said of them: `'a' (1 %) and 'b' (2 %)`."""
    parts = [f"'{name}' ({said})" for name, said in names.items()]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 2 else parts)


class ExamplesError(ValueError):
    """The examples must not be trained on; the text lists why."""
