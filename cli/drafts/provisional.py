"""A draft while it is made: what is known of its config so far, and what is said of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cli.drafts.answers import Answers, DraftError
from earthline.config import Config, mistakes


@dataclass(frozen=True)
class Said:
    """What is said of a draft while it is made."""

    remarks: dict[str, str] = field(default_factory=dict)
    to_do: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def config(answers: Answers, labels: Mapping[str, Any], place: Mapping[str, Any], folder: Path) -> Config:
    """A config of what is known so far, which has tiles whatever its bands and labels are.

    Args:
        answers: What was said.
        labels: Section `data.labels`.
        place: The other keys of `data`: region and grid.
        folder: Of the config.

    Raises:
        DraftError: It is refused.
    """
    content = {
        "name": answers.name,
        "data": {"imagery": answers.imagery_section("auto"), "labels": labels, **place},
        "serving": {"seams": "allowed"},
    }
    return validated(content, folder)


def validated(content: Mapping[str, Any], folder: Path) -> Config:
    """The config of a content.

    Args:
        content: As a file would hold it.
        folder: Of that file.

    Raises:
        DraftError: It is refused, for the reasons that `earthline check` would give.
    """
    try:
        return Config.model_validate(content, context={"folder": folder})
    except ValidationError as error:
        raise mistaken(error, content) from error


def mistaken(error: ValidationError, content: Mapping[str, Any]) -> DraftError:
    """A refusal in words.

    Args:
        error: Why.
        content: What was refused.
    """
    lines = (line for _, line in mistakes.described(error.errors(), content))
    return DraftError("\n".join(lines))
