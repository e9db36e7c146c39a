"""What is kept of every run on this machine: `runs/<job id>/run.json`, beside the run's results.

A record is written before its run is submitted, and completed afterwards: whatever happens in between, the id of a run
that may cost money is here.
"""

import os
import re
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

RUNS = Path("runs")
"""Folder of all runs, below the working directory."""
RECORD = "run.json"
PIPELINE = "pipeline.yaml"
CONFIG = "config.yaml"
SUBMITTING = "SUBMITTING"
"""State of a record whose run was about to be submitted: whether it was, Vertex AI knows."""
REFUSED = "REFUSED"
"""State of a record whose run Vertex AI did not take."""
_JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")


class RecordError(ValueError):
    """A run that is not known here, or whose record cannot be read or written."""


class StepRecord(BaseModel):
    """State and duration of one step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name of the step, such as export_examples.")
    state: str = Field(description="State on Vertex AI, such as SUCCEEDED or SKIPPED (its outputs were cached).")
    seconds: float | None = Field(default=None, description="Time from start to end in seconds.")


class Record(BaseModel):
    """One run, as it was last seen from here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job_id: str = Field(description="Id of the pipeline job.")
    workflow: str = Field(description="Name of the workflow.")
    target: Literal["sandbox", "cloud"] = Field(description="Where it runs.")
    project: str = Field(description="Google Cloud project id.")
    location: str = Field(description="Vertex AI location.")
    created: datetime = Field(description="When it was submitted.")
    state: str = Field(
        description="State on Vertex AI when it was last seen from here, such as RUNNING; SUBMITTING before it was."
    )
    steps: tuple[StepRecord, ...] = Field(default=(), description="Steps in the order of the pipeline.")
    results: dict[str, str] = Field(default_factory=dict, description="Files of this folder by what they are.")

    @property
    def folder(self) -> Path:
        """Where the run's results lie."""
        return folder(self.job_id)

    def write(self, template: bytes | None = None, config: str = "") -> None:
        """Writes `run.json`, whole or not at all.

        Args:
            template: The compiled pipeline, to be kept beside it.
            config: Text of the config, likewise.

        Raises:
            RecordError: The folder cannot be written.
        """
        part = self.folder / f".{RECORD}.{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if template is not None:
                (self.folder / PIPELINE).write_bytes(template)
            if config:
                (self.folder / CONFIG).write_text(config, encoding="utf-8")
            part.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
            part.replace(self.folder / RECORD)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise _unwritable(self.folder, error) from error


def require_writable() -> None:
    """Makes sure, before a run starts, that its record and results can be written.

    Raises:
        RecordError: They cannot.
    """
    try:
        RUNS.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=RUNS) as file:
            # A full disk takes the name of a file and refuses its content.
            file.write(b"\0" * 65536)
            file.flush()
    except OSError as error:
        raise _unwritable(RUNS, error) from error


def _unwritable(path: Path, error: OSError) -> RecordError:
    return RecordError(
        f"{path.absolute()} cannot be written ({error.strerror or error}): records and results of runs lie there; "
        "start the command in a folder that you can write and that has room"
    )


def folder(job_id: str) -> Path:
    """Where a run's results lie.

    Args:
        job_id: Id of the pipeline job.

    Raises:
        RecordError: Not a job id (it could name a folder elsewhere).
    """
    if not _JOB_ID.fullmatch(job_id):
        raise RecordError(f"'{job_id}' is not the id of a run; `earthline runs list` shows them")
    return RUNS / job_id


def read(job_id: str) -> Record:
    """The record of one run.

    Args:
        job_id: Id of the pipeline job.

    Raises:
        RecordError: No such run was submitted from this folder, or its record is damaged.
    """
    path = folder(job_id) / RECORD
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecordError(f"{path} does not exist: run '{job_id}' was not submitted from this folder") from error
    except (OSError, ValidationError) as error:
        raise RecordError(f"{path} cannot be read: {error}") from error


def read_all() -> list[Record]:
    """Every readable record of this folder, newest first."""
    records = []
    for path in RUNS.glob(f"*/{RECORD}"):
        try:
            records.append(read(path.parent.name))
        except RecordError:
            # A damaged record must not hide the others; `runs show` of that run says what is wrong.
            continue
    return sorted(records, key=lambda record: record.created, reverse=True)
