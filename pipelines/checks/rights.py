"""Which permissions each account needs that takes part in a run, by the roles that grant them.

Roles and permissions are those of https://cloud.google.com/iam/docs/understanding-roles,
https://developers.google.com/earth-engine/cloud/roles_permissions and
https://cloud.google.com/dataflow/docs/concepts/security-and-permissions.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from earthline.config import Config, VectorLabels
from pipelines import dataflow

PROJECT = "project"
BUCKET = "bucket"
VERTEX = "roles/aiplatform.user"
EARTH_ENGINE = "roles/earthengine.writer"
CONSUMER = "roles/serviceusage.serviceUsageConsumer"
OBJECTS = "roles/storage.objectAdmin"
ACT_AS = "iam.serviceAccounts.actAs"
USER = "roles/iam.serviceAccountUser"


@dataclass(frozen=True)
class Right:
    """A permission on a resource.

    Attributes:
        permission: Such as `storage.objects.create`.
        role: Least predefined role that grants it.
        on: `project`, `bucket`, or the e-mail address of a service account.
    """

    permission: str
    role: str
    on: str = PROJECT


_SUBMITTER = (
    Right("aiplatform.pipelineJobs.create", VERTEX),
    Right("aiplatform.pipelineJobs.get", VERTEX),
    Right("aiplatform.schedules.create", VERTEX),
    Right("earthengine.computations.create", EARTH_ENGINE),
    Right("logging.logEntries.list", "roles/logging.viewer"),
    Right("serviceusage.services.use", CONSUMER),
    Right("storage.objects.get", OBJECTS, BUCKET),
)
_UPLOADER = (
    Right("earthengine.assets.create", EARTH_ENGINE),
    Right("earthengine.imports.create", EARTH_ENGINE),
    *(Right(f"storage.objects.{verb}", OBJECTS, BUCKET) for verb in ("create", "delete")),
)
"""What a file of labels takes that becomes a table."""

_STEPS = (
    Right("aiplatform.customJobs.create", VERTEX),
    Right("aiplatform.endpoints.create", VERTEX),
    Right("aiplatform.endpoints.deploy", VERTEX),
    Right("aiplatform.endpoints.predict", VERTEX),
    Right("aiplatform.models.upload", VERTEX),
    Right("aiplatform.pipelineJobs.list", VERTEX),
    Right("earthengine.assets.create", EARTH_ENGINE),
    Right("earthengine.computations.create", EARTH_ENGINE),
    Right("earthengine.imports.create", EARTH_ENGINE),
    Right("serviceusage.services.use", CONSUMER),
    Right("storage.buckets.get", "roles/storage.legacyBucketReader", BUCKET),
    *(Right(f"storage.objects.{verb}", OBJECTS, BUCKET) for verb in ("create", "delete", "get", "list")),
)
_EXPORTER = (
    Right("earthengine.exports.create", EARTH_ENGINE),
    *(Right(f"earthengine.operations.{verb}", EARTH_ENGINE) for verb in ("get", "list", "update")),
)
"""What Earth Engine's export tasks take."""

_WORKERS = (
    Right("dataflow.workItems.lease", "roles/dataflow.worker"),
    Right("earthengine.computations.create", EARTH_ENGINE),
    Right("serviceusage.services.use", CONSUMER),
    *(Right(f"storage.objects.{verb}", OBJECTS, BUCKET) for verb in ("create", "delete", "get", "list")),
)


def of_submitter(config: Config) -> tuple[Right, ...]:
    """What whoever submits, schedules and follows runs needs.

    Args:
        config: The workflow's config.
    """
    labels = config.data.labels
    uploads = isinstance(labels, VectorLabels) and labels.upload is not None
    return _SUBMITTER + _UPLOADER if uploads else _SUBMITTER


def of_steps(config: Config, account: str) -> tuple[Right, ...]:
    """What the account needs that runs the steps.

    Args:
        config: The workflow's config.
        account: Its e-mail address.
    """
    needed = list(_STEPS)
    if config.environment.service_account is not None:
        # A custom job that names an account is made by one who may act as that account, also where it is itself.
        needed.append(Right(ACT_AS, USER, account))
    if config.export.uses_tasks:
        needed += _EXPORTER
    if config.export.runner == dataflow.NAME:
        workers = config.environment.dataflow.service_account or account
        needed += [Right("dataflow.jobs.create", "roles/dataflow.developer"), Right(ACT_AS, USER, workers)]
        if workers == account:
            needed += _WORKERS
    return tuple(dict.fromkeys(needed))


def of_workers(config: Config, account: str) -> tuple[Right, ...]:
    """What the account of Dataflow's workers needs, where it is another one than that of the steps.

    Args:
        config: The workflow's config.
        account: The account that runs the steps.
    """
    workers = config.environment.dataflow.service_account
    return _WORKERS if config.export.runner == dataflow.NAME and workers not in (None, account) else ()


def grants(missing: Iterable[Right], member: str, config: Config) -> Iterator[str]:
    """The commands that grant rights, one for each role and resource.

    Args:
        missing: Rights.
        member: Whom to grant them, such as `user:me@example.com`.
        config: The workflow's config.
    """
    project, bucket = config.environment.project, config.environment.bucket
    for on, role in dict.fromkeys((right.on, right.role) for right in missing):
        if on == PROJECT:
            yield f"gcloud projects add-iam-policy-binding {project} --member={member} --role={role}"
        elif on == BUCKET:
            yield f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --member={member} --role={role}"
        else:
            yield f"gcloud iam service-accounts add-iam-policy-binding {on} --member={member} --role={role}"


def by_resource(rights: Iterable[Right]) -> Mapping[str, list[str]]:
    """Permissions by the resource that they are on."""
    found: dict[str, list[str]] = {}
    for right in rights:
        found.setdefault(right.on, []).append(right.permission)
    return {on: sorted(set(permissions)) for on, permissions in found.items()}
