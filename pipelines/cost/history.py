"""How long the steps of earlier runs took, as far as their records tell of the same work on the same machines."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml
from pydantic import ValidationError

from earthline.config import Config, Data, Export, Train
from earthline.config.section import Section
from pipelines.cost.figures import Figure
from pipelines.runs import records

_SECTIONS: dict[str, type[Section]] = {"data": Data, "export": Export, "train": Train}
"""Parameters of the pipeline that decide how long steps take."""
_IDLE = {"train": ("seed", "image", "checkpoint_minutes"), "export": ("seed",)}
"""Keys that change nothing of that."""


@dataclass(frozen=True)
class Earlier:
    """A run of the same config.

    Attributes:
        job_id: Its id.
        created: When it was submitted.
        target: Where it ran: `cloud`, or `sandbox`, which is this machine whatever the config names.
        seconds: Of each step that did its work then, by name.
    """

    job_id: str
    created: datetime
    target: str
    seconds: dict[str, float]

    def hours(self, step: str) -> Figure:
        """How long a step took.

        Args:
            step: Its name, one of `seconds`.
        """
        when = f"{self.created:%Y-%m-%d}"
        if self.target == "cloud":
            return Figure.measured(self.seconds[step] / 3600, f"{step} takes as long as in run {self.job_id} of {when}")
        note = f"{step} took as long on this machine, in run {self.job_id} of {when}; Vertex AI's take another time"
        return Figure.assumed(self.seconds[step] / 3600, note)


def latest(config: Config) -> Earlier | None:
    """The newest run with the same data, export, training and machines whose training did its work; None without one.

    One of the config's own target goes before one elsewhere.

    Args:
        config: The workflow's config.
    """
    wanted = _settings({name: getattr(config, name) for name in _SECTIONS})
    known = [record for record in records.read_all() if record.workflow == config.name]
    for record in sorted(known, key=lambda each: each.target != config.environment.target):
        seconds = {step.name: step.seconds for step in record.steps if step.state == "SUCCEEDED" and step.seconds}
        if "train_model" in seconds and _settings(_sections(record)) == wanted:
            return Earlier(record.job_id, record.created, record.target, seconds)
    return None


def _settings(sections: dict[str, Section]) -> dict[str, Any]:
    found = {name: section.model_dump(mode="json") for name, section in sections.items()}
    for name, keys in _IDLE.items():
        for key in keys:
            found.get(name, {}).pop(key, None)
    return found


def _sections(record: records.Record) -> dict[str, Section]:
    """What the compiled pipeline of a run was given, with defaults for what it did not know; nothing without it."""
    try:
        template = yaml.load((record.folder / records.PIPELINE).read_text(encoding="utf-8"), yaml.CSafeLoader)
        parameters = template["root"]["inputDefinitions"]["parameters"]
        return {name: kind.model_validate_json(parameters[name]["defaultValue"]) for name, kind in _SECTIONS.items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError, ValidationError):
        return {}
