"""What everybody who takes part in a run may do, and the commands that grant what is missing.

Three parties take part: whoever submits, the account of the steps, and that of Dataflow's workers.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from google.auth.transport.requests import Request
from googleapiclient.errors import HttpError

from earthline.config import Config
from earthline.finding import Finding
from pipelines.checks.accounts import held, impersonated, written
from pipelines.checks.apis import Google
from pipelines.checks.rights import ACT_AS, BUCKET, PROJECT, USER, Right, grants, of_steps, of_submitter, of_workers

_TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"


class Permissions:
    """The questions about accounts; each raises HttpError where it is refused."""

    def __init__(self, config: Config, google: Google, credentials: Any) -> None:
        """Keeps what the questions need.

        Args:
            config: The workflow's config.
            google: The APIs, with one's own credentials.
            credentials: Those credentials, of google-auth; None where they are not known.
        """
        self._config = config
        self._environment = config.environment
        self._google = google
        self._credentials = credentials

    def of_submitter(self) -> Finding:
        """Whether one may submit, schedule and follow runs."""
        needed = of_submitter(self._config)
        missing = self._lacking(set(needed) - held(self._google, self._config, needed))
        if not missing:
            return Finding("permissions", True, f"you have the {len(needed)} permissions of whoever submits")
        return Finding("permissions", False, f"not granted: {_named(missing)}", self._grant(missing, self._member()))

    def service_account(self) -> Finding:
        """Whether the account of the steps is there, and one may start jobs that run as it."""
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

    def of_steps(self) -> Finding:
        """Whether the account of the steps may do what they do."""
        return self._rights("rights of the steps", self._account, of_steps(self._config, self._account))

    def of_workers(self) -> Finding:
        """Whether the account of Dataflow's workers may do what they do."""
        name, account = "rights of the workers", self._environment.dataflow.service_account
        needed = of_workers(self._config, self._account)
        if account is None or not needed:
            return Finding(name, True, f"they run as the steps do: {self._account}")
        return self._rights(name, account, needed)

    def _rights(self, name: str, account: str, needed: tuple[Right, ...]) -> Finding:
        """Whether an account has some rights: asked in its name, or read from the policies, or not known."""
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


def _named(rights: Iterable[Right]) -> str:
    return ", ".join(
        right.permission if right.on in (PROJECT, BUCKET) else f"{right.permission} on {right.on}" for right in rights
    )
