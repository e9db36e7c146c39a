"""What a workflow needs of Google Cloud, asked for before it runs: what is missing, and the command that mends it.

Nothing is changed. Each question is one call of a public API by Google's own client, whose interfaces are part of
its package, so that nothing has to be discovered over the network.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from googleapiclient.errors import HttpError

from earthline.config import Config
from pipelines import dataflow
from pipelines.checks.accounts import SCOPE, Google, held, impersonated, written
from pipelines.checks.findings import Finding
from pipelines.checks.images import ImageReference
from pipelines.checks.quotas import UNLIMITED, limits_of, needs
from pipelines.checks.rights import ACT_AS, BUCKET, PROJECT, SUBMITTER, USER, Right, grants, of_steps, of_workers

Ask = Callable[[], "Finding"]

_APIS = ("aiplatform", "artifactregistry", "earthengine", "logging", "storage")
_TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"
_DEFAULT_CREDENTIALS = "application_default_credentials.json"
_PRODUCT_NAME = Path("/sys/class/dmi/id/product_name")


def has_credentials(product_name: Path = _PRODUCT_NAME) -> bool:
    """True where Google's clients will find credentials here: a file, or a metadata server.

    Args:
        product_name: File in which a virtual machine's maker stands; Google's machines have a metadata server.
    """
    folder = os.environ.get("CLOUDSDK_CONFIG")
    known = Path(folder) if folder else Path.home() / ".config" / "gcloud"
    if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") or (known / _DEFAULT_CREDENTIALS).is_file():
        return True
    if any(os.environ.get(name) for name in ("GCE_METADATA_HOST", "GCE_METADATA_ROOT", "K_SERVICE")):
        return True
    try:
        return product_name.read_text(encoding="utf-8", errors="replace").startswith("Google")
    except OSError:
        return False


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
        self._credentials: Any = None if http else google.auth.default(scopes=[SCOPE])[0]
        self._google = Google(self._credentials, http)

    def findings(self) -> Iterator[Finding]:
        """Every check's outcome; one that cannot be asked does not hide the others."""
        ordinary = "image in its registry", self._environment.image
        questions: list[tuple[str, str, Ask]] = [
            ("APIs", "serviceusage", self._apis),
            ("permissions", "cloudresourcemanager", self._permissions),
            ("service account", "iam", self._service_account),
            ("rights of the steps", "iam", self._rights_of_steps),
            ("bucket's location", "storage", self._bucket),
            (ordinary[0], "artifactregistry", lambda: self._image(*ordinary)),
            ("quota", "serviceusage", self._quota),
        ]
        if self._config.export.runner == dataflow.NAME:
            questions.insert(4, ("rights of the workers", "iam", self._rights_of_workers))
        if self._config.train.image is not None:
            name = "training's in registry"
            questions.insert(-1, (name, "artifactregistry", lambda: self._image(name, self._config.train_image)))
        for name, api, ask in questions:
            try:
                yield ask()
            except HttpError as error:
                yield _refused(name, api, self._environment.project, error)
            except (GoogleAuthError, OSError) as error:
                yield Finding(name, False, " ".join(str(error).split()), "gcloud auth application-default login")

    def _apis(self) -> Finding:
        # https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet
        project = self._environment.project
        wanted = sorted({*_APIS, *(["dataflow"] if self._config.export.runner == dataflow.NAME else [])})
        names = [f"projects/{project}/services/{name}.googleapis.com" for name in wanted]
        answer = (
            self._google.service("serviceusage", "v1").services().batchGet(parent=f"projects/{project}", names=names)
        )
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
        missing = self._lacking(set(SUBMITTER) - held(self._google, self._config, SUBMITTER))
        if not missing:
            return Finding("permissions", True, f"you have the {len(SUBMITTER)} permissions of whoever submits")
        return Finding("permissions", False, f"not granted: {_named(missing)}", self._grant(missing, self._member()))

    def _service_account(self) -> Finding:
        # https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
        name, account, project = "service account", self._account, self._environment.project
        accounts = self._google.service("iam", "v1").projects().serviceAccounts()
        resource = f"projects/-/serviceAccounts/{account}"
        try:
            found = accounts.get(name=resource).execute()
        except HttpError as error:
            if error.status_code != 404:
                raise
            made = (
                f"gcloud iam service-accounts create {account.partition('@')[0]} --project={project}"
                if self._environment.service_account
                else "gcloud services enable compute.googleapis.com "
                f"--project={project}, or name another account in environment.service_account"
            )
            return Finding(name, False, f"{account} does not exist", made)
        if found.get("disabled"):
            return Finding(name, False, f"{account} is disabled", f"gcloud iam service-accounts enable {account}")
        acting = Right(ACT_AS, USER, account)
        if not held(self._google, self._config, [acting]):
            return Finding(
                name, False, f"you may not start jobs that run as {account}", self._grant([acting], self._member())
            )
        return Finding(name, True, account if self._environment.service_account else f"{account}, as none is named")

    def _rights_of_steps(self) -> Finding:
        return self._rights("rights of the steps", self._account, of_steps(self._config, self._account))

    def _rights_of_workers(self) -> Finding:
        name, account = "rights of the workers", self._environment.dataflow.service_account
        needed = of_workers(self._config, self._account)
        if account is None or not needed:
            return Finding(name, True, f"they run as the steps do: {self._account}")
        return self._rights(name, account, needed)

    def _rights(self, name: str, account: str, needed: tuple[Right, ...]) -> Finding:
        """Whether an account has what it needs: asked in its name, else read from the policies, else not known."""
        member = f"serviceAccount:{account}"
        acting = self._google if account == self._caller else impersonated(self._google, account)
        if acting is not None:
            missing = self._lacking(set(needed) - held(acting, self._config, needed))
            if missing:
                return Finding(name, False, f"{account} lacks {_named(missing)}", self._grant(missing, member))
            return Finding(name, True, f"{account} has the {len(needed)} permissions that it needs")
        ask_again = (
            f"gcloud iam service-accounts add-iam-policy-binding {account} --member={self._member()} "
            f"--role={_TOKEN_CREATOR}"
        )
        found = written(self._google, self._config, account, needed)
        if found is None:
            return Finding(
                name,
                None,
                f"not known: you may neither act in the name of {account} nor read the project's policy; it needs "
                f"{_named(needed)}",
                f"{ask_again}, and check again",
            )
        missing = self._lacking(set(needed) - found)
        if missing:
            return Finding(
                name,
                None,
                f"not known: the policies of project and bucket do not give {account} {_named(missing)}; unless a "
                "folder, an organization or a group does, the steps will fail",
                f"{self._grant(missing, member)}; or, to be sure, {ask_again}, and check again",
            )
        return Finding(name, True, f"the policies give {account} the {len(needed)} permissions that it needs")

    @cached_property
    def _account(self) -> str:
        """E-mail address of the account that runs the steps."""
        if self._environment.service_account is not None:
            return self._environment.service_account
        # https://cloud.google.com/vertex-ai/docs/pipelines/configure-project: without an account of its own a run has
        # the project's Compute Engine default account, which is named by the project's number.
        projects = self._google.service("cloudresourcemanager", "v3").projects()
        number = projects.get(name=f"projects/{self._environment.project}").execute()["name"].rpartition("/")[2]
        return f"{number}-compute@developer.gserviceaccount.com"

    @cached_property
    def _caller(self) -> str:
        """E-mail address of the service account whose credentials these are; empty for a person's."""
        if getattr(self._credentials, "service_account_email", "") == "default":
            # A metadata server says which account it stands for when it is first asked for a token.
            self._credentials.refresh(Request())
        account = str(getattr(self._credentials, "service_account_email", "") or "")
        return account if "@" in account else ""

    def _member(self) -> str:
        return f"serviceAccount:{self._caller}" if self._caller else "user:$(gcloud config get-value account)"

    def _lacking(self, rights: set[Right]) -> list[Right]:
        return sorted(rights, key=lambda right: (right.permission, right.on))

    def _grant(self, missing: list[Right], member: str) -> str:
        return "; ".join(grants(missing, member, self._config))

    def _bucket(self) -> Finding:
        # https://cloud.google.com/storage/docs/json_api/v1/buckets/get
        name, bucket, location = "bucket's location", self._environment.bucket, self._environment.location
        create = f"gcloud storage buckets create gs://{{}} --location={location} --project={self._environment.project}"
        try:
            found = self._google.service("storage", "v1").buckets().get(bucket=bucket).execute()
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

    def _image(self, name: str, text: str) -> Finding:
        # https://cloud.google.com/artifact-registry/docs/reference/rest
        image = ImageReference.parse(text)
        if not image.is_artifact_registry:
            return Finding(name, None, f"skipped: {image.registry or 'no registry'} cannot be asked")
        repositories = self._google.service("artifactregistry", "v1").projects().locations().repositories()
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
        metrics = self._google.service("serviceusage", "v1beta1").services().consumerQuotaMetrics()
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


def _named(rights: Iterable[Right]) -> str:
    return ", ".join(
        right.permission if right.on in (PROJECT, BUCKET) else f"{right.permission} on {right.on}" for right in rights
    )


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
