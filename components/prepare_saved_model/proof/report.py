"""What the proof found, for people: a table in the step's log, a file beside the SavedModel, a line in its metadata."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from earthline.finding import Finding

FILE = "proof.json"
_logger = logging.getLogger(__name__)
_WORDS = {True: "holds", False: "REFUSED", None: "note"}


def write(found: Sequence[Finding], folder: Path) -> None:
    """Writes `proof.json` into a SavedModel's folder, also where the model is refused."""
    content = [asdict(finding) for finding in found]
    (folder / FILE).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def log(found: Sequence[Finding], step: str) -> None:
    """One line per finding; where one fails, its fix is in the next.

    Args:
        found: All of them.
        step: Name of the step.
    """
    width = max(len(finding.name) for finding in found)
    for finding in found:
        say = _logger.error if finding.passed is False else _logger.info
        say("%s: %-7s  %-*s  %s", step, _WORDS[finding.passed], width, finding.name, finding.detail)
        if finding.passed is False and finding.fix:
            say("%s: %-7s  %-*s  to do: %s", step, "", width, "", finding.fix)


def metadata(found: Sequence[Finding]) -> dict[str, str]:
    """What is shown beside the artifact: by term, whether it holds and what was found."""
    return {finding.name: f"{_WORDS[finding.passed]}: {finding.detail}" for finding in found}


def refusal(found: Sequence[Finding]) -> str:
    """All that fails, with what to do, in a sentence each; empty where nothing does."""
    failed = [finding for finding in found if finding.passed is False]
    return "; ".join(
        f"{finding.name}: {finding.detail}" + (f" ({finding.fix})" if finding.fix else "") for finding in failed
    )
