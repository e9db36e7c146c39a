"""What an account may do: asked with its credentials, in its name, or read from the policies."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from googleapiclient.errors import HttpError

from earthline.config import Config
from pipelines.checks.apis import SCOPE, Google
from pipelines.checks.rights import BUCKET, PROJECT, Right, by_resource

_TOKEN_SECONDS = 300
_REFUSED = (403, 404)


def held(google: Google, config: Config, rights: Iterable[Right]) -> set[Right]:
    """Which of some rights the account of the credentials has, whatever grants them.

    Args:
        google: Its APIs.
        config: Has project and bucket.
        rights: Which to ask for.

    Raises:
        HttpError: A resource is not there or cannot be asked.
    """
    wanted = tuple(rights)
    found: set[Right] = set()
    for on, permissions in by_resource(wanted).items():
        body = {"permissions": permissions}
        if on == PROJECT:
            # https://cloud.google.com/resource-manager/reference/rest/v3/projects/testIamPermissions
            projects = google.service("cloudresourcemanager", "v3").projects()
            asked = projects.testIamPermissions(resource=f"projects/{config.environment.project}", body=body)
        elif on == BUCKET:
            # https://cloud.google.com/storage/docs/json_api/v1/buckets/testIamPermissions
            buckets = google.service("storage", "v1").buckets()
            asked = buckets.testIamPermissions(bucket=config.environment.bucket, permissions=permissions)
        else:
            # https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/testIamPermissions
            accounts = google.service("iam", "v1").projects().serviceAccounts()
            asked = accounts.testIamPermissions(resource=f"projects/-/serviceAccounts/{on}", body=body)
        granted = set(asked.execute().get("permissions", ()))
        found |= {right for right in wanted if right.on == on and right.permission in granted}
    return found


def impersonated(google: Google, account: str) -> Google | None:
    """The APIs as another account; None where one may not act in its name.

    Args:
        google: One's own APIs.
        account: E-mail address of a service account.
    """
    # https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
    tokens = google.service("iamcredentials", "v1").projects().serviceAccounts()
    body = {"scope": [SCOPE], "lifetime": f"{_TOKEN_SECONDS}s"}
    try:
        answer = tokens.generateAccessToken(name=f"projects/-/serviceAccounts/{account}", body=body).execute()
    except HttpError as error:
        if error.status_code not in _REFUSED:
            raise
        return None
    return google.with_token(answer["accessToken"])


def written(google: Google, config: Config, account: str, rights: Iterable[Right]) -> set[Right] | None:
    """Which of some rights the policies of project, bucket and service accounts grant to an account.

    What a folder, an organization or a group grants is not seen, nor what a condition or a deny policy takes away:
    conditional bindings do not count.

    Args:
        google: One's own APIs.
        config: Has project and bucket.
        account: E-mail address of a service account.
        rights: Which to look for.

    Returns:
        The rights; None where one may not read the project's policy.
    """
    wanted = tuple(rights)
    member = f"serviceAccount:{account}"
    roles: dict[str, frozenset[str]] = {}

    def permissions(read: Callable[[], Any]) -> set[str] | None:
        try:
            bindings = read().execute().get("bindings", ())
        except HttpError as error:
            if error.status_code not in _REFUSED:
                raise
            return None
        granted: set[str] = set()
        for binding in bindings:
            if member in binding.get("members", ()) and "condition" not in binding:
                role = binding["role"]
                if role not in roles:
                    roles[role] = frozenset(_permissions_of(google, role))
                granted |= roles[role]
        return granted

    of_project = permissions(lambda: _project_policy(google, config.environment.project))
    if of_project is None:
        return None
    found: set[Right] = set()
    for on in {right.on for right in wanted}:
        granted = set(of_project)
        if on == BUCKET:
            granted |= permissions(lambda: _bucket_policy(google, config.environment.bucket)) or set()
        elif on != PROJECT:
            granted |= permissions(lambda on=on: _account_policy(google, on)) or set()  # type: ignore[misc]  # mypy infers no type for a bound default
        found |= {right for right in wanted if right.on == on and right.permission in granted}
    return found


def _project_policy(google: Google, project: str) -> Any:
    # https://cloud.google.com/resource-manager/reference/rest/v3/projects/getIamPolicy
    body = {"options": {"requestedPolicyVersion": 3}}
    return (
        google.service("cloudresourcemanager", "v3").projects().getIamPolicy(resource=f"projects/{project}", body=body)
    )


def _bucket_policy(google: Google, bucket: str) -> Any:
    # https://cloud.google.com/storage/docs/json_api/v1/buckets/getIamPolicy
    return google.service("storage", "v1").buckets().getIamPolicy(bucket=bucket, optionsRequestedPolicyVersion=3)


def _account_policy(google: Google, account: str) -> Any:
    # https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/getIamPolicy
    accounts = google.service("iam", "v1").projects().serviceAccounts()
    return accounts.getIamPolicy(resource=f"projects/-/serviceAccounts/{account}", options_requestedPolicyVersion=3)


def _permissions_of(google: Google, role: str) -> Iterator[str]:
    # https://cloud.google.com/iam/docs/reference/rest/v1/roles/get; a custom one is a project's or an organization's.
    iam = google.service("iam", "v1")
    kinds = {"projects": iam.projects, "organizations": iam.organizations}
    kind = role.partition("/")[0]
    collection = kinds[kind]().roles() if kind in kinds else iam.roles()
    try:
        yield from collection.get(name=role).execute().get("includedPermissions", ())
    except HttpError as error:
        if error.status_code not in _REFUSED:
            raise
