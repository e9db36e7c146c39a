"""Quotas of Vertex AI: what a run takes, and what a project has."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from earthline.config import Config
from earthline.finding import Finding
from pipelines.checks.apis import Google

UNLIMITED = -1
"""Service Usage's limit of a metric that has none."""


@dataclass(frozen=True)
class Need:
    """A quota of Vertex AI that a run takes from.

    Attributes:
        metric: Name of the metric, without the service.
        amount: What the run takes at a time.
        reason: Key of the config that decides it.
    """

    metric: str
    amount: int
    reason: str


def quota(google: Google, config: Config) -> Finding:
    """Whether the project's limits allow the machines that a run takes.

    Args:
        google: The APIs, with one's own credentials.
        config: The workflow's config.

    Raises:
        HttpError: Service Usage refuses.
    """
    # https://cloud.google.com/service-usage/docs/reference/rest/v1beta1/services.consumerQuotaMetrics/list
    project, location = config.environment.project, config.environment.location
    limits: dict[str, int] = {}
    metrics = google.service("serviceusage", "v1beta1").services().consumerQuotaMetrics()
    page = metrics.list(parent=f"projects/{project}/services/aiplatform.googleapis.com", pageSize=1000)
    while page is not None:
        answer = page.execute()
        for metric in answer.get("metrics", ()):
            limits.update(limits_of(metric, location))
        page = metrics.list_next(page, answer)
    short, fixes, unknown = [], [], []
    for need in needs(config):
        limit = limits.get(need.metric)
        if limit is None:
            unknown.append(need.metric)
        elif limit != UNLIMITED and limit < need.amount:
            short.append(f"{need.metric}: {need.reason} takes {need.amount}, the limit in {location} is {limit}")
            fixes.append(
                f"gcloud alpha services quota update --service=aiplatform.googleapis.com "
                f"--consumer=projects/{project} --metric=aiplatform.googleapis.com/{need.metric} "
                f"--unit='1/{{project}}/{{region}}' --dimensions=region={location} --value={need.amount}"
            )
    if short:
        return Finding("quota", False, "; ".join(short), "; ".join(fixes))
    told = f"; no limit is published for {', '.join(unknown)}" if unknown else ""
    return Finding("quota", True, f"machines of training and endpoint are within the limits of {location}{told}")


def needs(config: Config) -> list[Need]:
    """Quotas that a run takes from, by https://cloud.google.com/vertex-ai/docs/quotas.

    Args:
        config: The workflow's config.
    """
    train, serving = config.train, config.serving
    found = []
    # While a model proves itself and is deployed, the champion serves and its forerunners stay.
    deployed = (2 + serving.keep_previous) * serving.max_replicas
    for work, machine, count, key in (
        ("training", train.machine_type, train.replicas, "train.machine_type"),
        ("serving", serving.machine_type, deployed, "serving.machine_type"),
    ):
        family, _, size = machine.partition("-")
        processors = re.search(r"-(\d+)$", size)
        if processors:
            # The oldest families share a metric without a family in its name.
            infix = "" if family in ("n1", "e2") else f"{family}_"
            found.append(Need(f"custom_model_{work}_{infix}cpus", int(processors[1]) * count, key))
    if train.accelerator_type:
        kind = train.accelerator_type.lower().replace("_tesla_", "_")
        amount = train.accelerator_count * train.replicas
        found.append(Need(f"custom_model_training_{kind}_gpus", amount, "train.accelerator_type"))
    return found


def limits_of(metric: dict[str, Any], location: str) -> Iterator[tuple[str, int]]:
    """The limit of a metric in a region: its own where there is one, else that of all regions.

    Args:
        metric: A `ConsumerQuotaMetric` of Service Usage.
        location: The region.

    Yields:
        Name of the metric, and its limit; `UNLIMITED` is none.
    """
    name = str(metric["metric"]).removeprefix("aiplatform.googleapis.com/")
    for limit in metric.get("consumerQuotaLimits", ()):
        if "/{region}" not in limit.get("unit", ""):
            continue
        buckets = [
            bucket
            for bucket in limit.get("quotaBuckets", ())
            if bucket.get("dimensions", {}).get("region", location) == location
        ]
        buckets.sort(key=lambda bucket: "dimensions" in bucket)
        if buckets:
            yield name, int(buckets[-1].get("effectiveLimit", 0))
