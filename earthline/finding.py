"""What checks found: a line for people, in a log, on a terminal or on a page."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

_logger = logging.getLogger(__name__)
_WORDS = {True: "holds", False: "REFUSED", None: "note"}


@dataclass(frozen=True)
class Finding:
    """One check's outcome.

    Attributes:
        name: What was checked.
        passed: None where it was left out or cannot be known.
        detail: What was found.
        fix: Command or change that mends it.
        cause: Names why, where several findings may have the same cause and differ in detail alone.
    """

    name: str
    passed: bool | None
    detail: str
    fix: str = ""
    cause: str = ""


def log(findings: Sequence[Finding], step: str) -> None:
    """One line per finding; where one fails, its fix is in the next.

    Args:
        findings: All of them.
        step: Name of the step that checked.
    """
    width = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        say = _logger.error if finding.passed is False else _logger.info
        say("%s: %-7s  %-*s  %s", step, _WORDS[finding.passed], width, finding.name, finding.detail)
        if finding.passed is False and finding.fix:
            say("%s: %-7s  %-*s  to do: %s", step, "", width, "", finding.fix)


def shown(findings: Sequence[Finding]) -> dict[str, str]:
    """What is shown beside an artifact: by check, whether it holds and what was found."""
    return {finding.name: f"{_WORDS[finding.passed]}: {finding.detail}" for finding in findings}


def refusal(findings: Sequence[Finding]) -> str:
    """All that fails, with what to do; empty where nothing does."""
    return "; ".join(by_cause([finding for finding in findings if finding.passed is False]))


def by_cause(findings: Sequence[Finding]) -> list[str]:
    """A text for each cause: its first finding, the names of the others, and what to do.

    Args:
        findings: In the order in which they are told.
    """
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.cause, finding.passed, finding.fix) if finding.cause else finding, []).append(
            finding
        )
    told = []
    for first, *others in groups.values():
        likewise = f"; likewise {', '.join(other.name for other in others)}" if others else ""
        told.append(f"{first.name}: {first.detail}{likewise}" + (f" ({first.fix})" if first.fix else ""))
    return told
