"""What a workflow needs of Google Cloud, asked for before it runs: what is missing, and the command that mends it.

Nothing is changed. Each question is one call of a public API by Google's own client, whose interfaces are part of
its package, so that nothing has to be discovered over the network.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import google.auth
from google.auth.exceptions import GoogleAuthError
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from earthline.config import Config
from pipelines.findings import Finding as Finding
from pipelines.images import ImageReference
from pipelines.quotas import UNLIMITED, limits_of, needs

Ask = Callable[[], "Finding"]

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_APIS = ("aiplatform", "artifactregistry", "earthengine", "logging", "storage")
_ROLES = {
    "aiplatform.customJobs.create": "roles/aiplatform.user",
    "aiplatform.endpoints.deploy": "roles/aiplatform.user",
    "aiplatform.models.upload": "roles/aiplatform.user",
    "aiplatform.pipelineJobs.create": "roles/aiplatform.user",
    "aiplatform.schedules.create": "roles/aiplatform.user",
    "earthengine.computations.create": "roles/earthengine.writer",
    "logging.logEntries.list": "roles/logging.viewer",
    "serviceusage.services.use": "roles/serviceusage.serviceUsageConsumer",
    "storage.objects.create": "roles/storage.objectAdmin",
}
"""Least role that grants each permission, by cloud.google.com/iam/docs/understanding-roles."""


class Preflight:
    """The questions, for one config."""

    def __init__(self, config: Config, http: Any = None) -> None:
        """Takes the ambient credentials.

        Args:
            config: The workflow's config.
            http: An `httplib2.Http` that signs requests by itself, instead of those credentials.

        Raises:
            google.auth.exceptions.DefaultCredentialsError: There are no credentials.
        """
        self._config = config
        self._environment = config.environment
        self._credentials = None if http else google.auth.default(scopes=[_SCOPE])[0]
        self._http = http

    def findings(self) -> Iterator[Finding]:
        """Every check's outcome; one that cannot be asked does not hide the others."""
        questions: tuple[tuple[str, str, Ask], ...] = (
            ("APIs", "serviceusage", self._apis),
            ("permissions", "cloudresourcemanager", self._permissions),
            ("service account", "iam", self._service_account),
            ("bucket's location", "storage", self._bucket),
            ("image in its registry", "artifactregistry", self._image),
            ("quota", "serviceusage", self._quota),
        )
        for name, api, ask in questions:
            try:
                yield ask()
            except HttpError as error:
                yield _refused(name, api, self._environment.project, error)
            except (GoogleAuthError, OSError) as error:
                yield Finding(name, False, " ".join(str(error).split()), "gcloud auth application-default login")

    def _service(self, api: str, version: str) -> Any:
        access = {"http": self._http} if self._http else {"credentials": self._credentials}
        return build(api, version, cache_discovery=False, static_discovery=True, **access)

    def _apis(self) -> Finding:
        # https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet
        project = self._environment.project
        wanted = sorted({*_APIS, *(["dataflow"] if self._config.export.runner == "DataflowRunner" else [])})
        names = [f"projects/{project}/services/{name}.googleapis.com" for name in wanted]
        answer = self._service("serviceusage", "v1").services().batchGet(parent=f"projects/{project}", names=names)
        states = {each["config"]["name"]: each.get("state") for each in answer.execute().get("services", ())}
        off = [f"{name}.googleapis.com" for name in wanted if states.get(f"{name}.googleapis.com") != "ENABLED"]
        if off:
            return Finding(
                "APIs",
                False,
                f"not enabled: {', '.join(off)}",
                f"gcloud services enable {' '.join(off)} --project={project}",
            )
        return Finding("APIs", True, f"enabled: {', '.join(wanted)}")

    def _permissions(self) -> Finding:
        # https://cloud.google.com/resource-manager/reference/rest/v3/projects/testIamPermissions
        project = self._environment.project
        projects = self._service("cloudresourcemanager", "v3").projects()
        body = {"permissions": sorted(_ROLES)}
        granted = projects.testIamPermissions(resource=f"projects/{project}", body=body).execute()
        missing = sorted(set(_ROLES) - set(granted.get("permissions", ())))
        if not missing:
            return Finding("permissions", True, f"{len(_ROLES)} permissions of the project are granted")
        roles = sorted({_ROLES[permission] for permission in missing})
        fix = "; ".join(
            f"gcloud projects add-iam-policy-binding {project} --member={self._member()} --role={role}"
            for role in roles
        )
        return Finding("permissions", False, f"not granted: {', '.join(missing)}", fix)

    def _service_account(self) -> Finding:
        # https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
        name, account, project = "service account", self._environment.service_account, self._environment.project
        if account is None:
            return Finding(name, True, "none is named: the project's Compute Engine account runs the steps")
        accounts = self._service("iam", "v1").projects().serviceAccounts()
        resource = f"projects/-/serviceAccounts/{account}"
        try:
            found = accounts.get(name=resource).execute()
        except HttpError as error:
            if error.status_code != 404:
                raise
            return Finding(
                name,
                False,
                f"{account} does not exist",
                f"gcloud iam service-accounts create {account.partition('@')[0]} --project={project}",
            )
        if found.get("disabled"):
            return Finding(name, False, f"{account} is disabled", f"gcloud iam service-accounts enable {account}")
        body = {"permissions": ["iam.serviceAccounts.actAs"]}
        if not accounts.testIamPermissions(resource=resource, body=body).execute().get("permissions"):
            return Finding(
                name,
                False,
                f"you may not start jobs that run as {account}",
                f"gcloud iam service-accounts add-iam-policy-binding {account} --member={self._member()} "
                "--role=roles/iam.serviceAccountUser",
            )
        return Finding(name, True, account)

    def _bucket(self) -> Finding:
        # https://cloud.google.com/storage/docs/json_api/v1/buckets/get
        name, bucket, location = "bucket's location", self._environment.bucket, self._environment.location
        create = f"gcloud storage buckets create gs://{{}} --location={location} --project={self._environment.project}"
        try:
            found = self._service("storage", "v1").buckets().get(bucket=bucket).execute()
        except HttpError as error:
            if error.status_code != 404:
                raise
            return Finding(name, None, f"skipped: gs://{bucket} does not exist")
        there = str(found["location"]).lower()
        if found.get("locationType", "region") == "region" and there != location:
            return Finding(
                name,
                False,
                f"gs://{bucket} lies in {there}, the pipeline runs in {location}: every byte would cross regions",
                f"{create.format(f'{bucket}-{location}')}, and set environment.bucket to it",
            )
        return Finding(name, True, f"gs://{bucket} lies in {there}")

    def _image(self) -> Finding:
        # https://cloud.google.com/artifact-registry/docs/reference/rest
        name, text = "image in its registry", self._environment.image
        image = ImageReference.parse(text)
        if not image.is_artifact_registry:
            return Finding(name, None, f"skipped: {image.registry or 'no registry'} cannot be asked")
        repositories = self._service("artifactregistry", "v1").projects().locations().repositories()
        try:
            repositories.get(name=image.repository).execute()
        except HttpError as error:
            if error.status_code != 404:
                raise
            _, project, _, location, _, repository = image.repository.split("/")
            return Finding(
                name,
                False,
                f"the repository {image.repository} does not exist",
                f"gcloud artifacts repositories create {repository} --repository-format=docker --location={location} "
                f"--project={project}",
            )
        package = repositories.packages()
        asked = (
            package.versions().get(name=f"{image.package}/versions/{image.digest}")
            if image.digest
            else package.tags().get(name=f"{image.package}/tags/{image.tag}")
        )
        try:
            asked.execute()
        except HttpError as error:
            if error.status_code != 404:
                raise
            return Finding(name, False, f"{text} does not exist", f"docker push {text}")
        return Finding(name, True, f"{text} is there")

    def _quota(self) -> Finding:
        # https://cloud.google.com/service-usage/docs/reference/rest/v1beta1/services.consumerQuotaMetrics/list
        project, location = self._environment.project, self._environment.location
        limits: dict[str, int] = {}
        metrics = self._service("serviceusage", "v1beta1").services().consumerQuotaMetrics()
        page = metrics.list(parent=f"projects/{project}/services/aiplatform.googleapis.com", pageSize=1000)
        while page is not None:
            answer = page.execute()
            for metric in answer.get("metrics", ()):
                limits.update(limits_of(metric, location))
            page = metrics.list_next(page, answer)
        short, fixes, unknown = [], [], []
        for need in needs(self._config):
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

    def _member(self) -> str:
        account = getattr(self._credentials, "service_account_email", "")
        return f"serviceAccount:{account}" if account and "@" in account else "user:$(gcloud config get-value account)"


def _refused(name: str, api: str, project: str, error: HttpError) -> Finding:
    try:
        told = json.loads(error.content)["error"]
    except (ValueError, KeyError, TypeError):
        told = {"message": str(error)}
    text = " ".join(str(told.get("message", error)).split())
    disabled = any(detail.get("reason") == "SERVICE_DISABLED" for detail in told.get("details", ()))
    return Finding(
        name, False, text, f"gcloud services enable {api}.googleapis.com --project={project}" if disabled else ""
    )
