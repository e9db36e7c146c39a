"""What an update of a schedule changes, in the words of the config."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_BILLING_LABEL = "vertex-ai-pipelines-run-billing-id"


@dataclass(frozen=True)
class Difference:
    """One thing that an update changes.

    Attributes:
        key: As in the config, such as `train.epochs`.
        before: What is scheduled now; empty where the key is new.
        after: What will be; empty where the key goes.
    """

    key: str
    before: str
    after: str


def between(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Difference, ...]:
    """What differs between two schedules, in the order of the keys.

    Args:
        before: Values by key.
        after: Values by key.
    """
    return tuple(
        Difference(key, before.get(key, ""), after.get(key, ""))
        for key in sorted({*before, *after})
        if before.get(key, "") != after.get(key, "")
    )


def facts(schedule: Any) -> dict[str, str]:
    """A schedule's values by the keys of the config that they come from.

    Args:
        schedule: `google.cloud.aiplatform_v1.types.Schedule`.
    """
    return dict(_facts(schedule))


def _facts(schedule: Any) -> Iterator[tuple[str, str]]:
    if schedule.start_time:
        yield "schedule.start", schedule.start_time.isoformat()
    yield "schedule.cron", schedule.cron
    yield "schedule.end", schedule.end_time.isoformat() if schedule.end_time else ""
    yield "schedule.max_runs", str(schedule.max_run_count or "")
    yield "schedule.max_concurrent_runs", str(schedule.max_concurrent_active_run_count or "")
    yield "schedule.allow_queueing", str(schedule.allow_queueing).lower()
    request = type(schedule).to_dict(schedule)["create_pipeline_job_request"]
    job = request["pipeline_job"]
    # Vertex AI fills in an account where none was given; that is no wish of the config's.
    account = job.get("service_account", "")
    yield "environment.service_account", "" if account.endswith("-compute@developer.gserviceaccount.com") else account
    for key, value in job.get("labels", {}).items():
        if key != _BILLING_LABEL:
            yield f"environment.resource_labels.{key}", value
    yield "environment.bucket", job["runtime_config"]["gcs_output_directory"].removeprefix("gs://").partition("/")[0]
    spec = job["pipeline_spec"]
    for name, parameter in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        yield from _leaves(name, _parsed(parameter.pop("defaultValue", "")))
    text = json.dumps(_whole(spec), sort_keys=True)
    yield "steps of the pipeline", f"sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _parsed(value: Any) -> Any:
    """A section of the config, which travels as JSON; any other value as it is."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _leaves(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    elif value is not None:
        yield key, value if isinstance(value, str) else json.dumps(_whole(value))


def _whole(value: Any) -> Any:
    """The value with whole floats as integers: JSON in protobuf has no others."""
    if isinstance(value, Mapping):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
