"""Submitting a run with a record of it, and finding it on Vertex AI."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer
from rich.console import Console

if TYPE_CHECKING:  # these modules load pydantic and Google's client
    from earthline.config import Environment
    from pipelines.runs.records import Record
    from pipelines.runs.run import Run


class UncertainError(RuntimeError):
    """It is not known whether a run was started, or it was and cannot be read. The text has its id."""


def submit_recorded(
    environment: "Environment",
    workflow: str,
    console: Console,
    send: Callable[..., str],
    template: bytes | None = None,
    config: str = "",
) -> "Record":
    """Submits a run. Its record is written and its id shown first, so that a lost answer does not lose them.

    Args:
        environment: Where it runs.
        workflow: Name of the workflow.
        console: Where to write.
        send: Submits; takes `announce`, which it calls with the job's id before.
        template: The compiled pipeline, kept beside the record where it is at hand.
        config: Text of the config, likewise.

    Returns:
        The record.

    Raises:
        RecordError: The record cannot be written; nothing was submitted.
        UncertainError: It is not known whether the run was started.
        google.api_core.exceptions.GoogleAPICallError: Vertex AI refuses the run.
    """
    from google.api_core.exceptions import ClientError, Conflict

    from pipelines.runs import records

    kept: list[Record] = []

    def announce(job_id: str) -> None:
        record = records.Record(
            job_id=job_id,
            workflow=workflow,
            target=environment.target,
            project=environment.project,
            location=environment.location,
            created=datetime.now(UTC),
            state=records.SUBMITTING,
        )
        record.write(template, config)
        kept.append(record)
        console.print(f"run {job_id}", highlight=False)

    try:
        send(announce=announce)
    except BaseException as error:
        if not kept:
            raise
        # What is there already is what an answer that was lost had made.
        if isinstance(error, ClientError) and not isinstance(error, Conflict):
            kept[0].model_copy(update={"state": records.REFUSED}).write()
            raise
        unknown = f"it is not known whether it was started; `earthline runs show {kept[0].job_id}` tells"
        if isinstance(error, Exception):
            raise UncertainError(f"{' '.join(str(error).split())}; {unknown}") from error
        typer.echo(unknown, err=True)
        raise
    submitted = kept[0].model_copy(update={"state": "PENDING"})
    with suppress(records.RecordError):
        # It runs, and the record that is there leads to it.
        submitted.write()
    return submitted


def find_run(environment: "Environment", record: "Record", console: Console) -> "Run":
    """Finds the run of a record, and says where Google's console shows it.

    Args:
        environment: Where it runs.
        record: Its record.
        console: Where to write.

    Raises:
        UncertainError: It was started, and cannot be read now.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    from pipelines.runs.run import Run

    try:
        run = Run(environment.project, environment.location, record.job_id)
    except (GoogleAPIError, GoogleAuthError, RequestException) as error:
        why = " ".join(str(error).split())
        raise UncertainError(
            f"run {record.job_id} was started, and does not answer ({why}); `earthline runs follow {record.job_id}` "
            "shows it once it does"
        ) from error
    if environment.target == "cloud":
        console.print(run.console, soft_wrap=True, highlight=False)
    return run


def tell_how_to_follow(record: "Record", console: Console) -> None:
    """Says how to follow a run that this command does not follow.

    Args:
        record: Its record.
        console: Where to write.
    """
    console.print(f"follow it with `earthline runs follow {record.job_id}`", soft_wrap=True, highlight=False)
