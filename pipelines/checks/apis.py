"""Google's APIs by their own clients, and whether a project has switched them on."""

from typing import Any

from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.http import build_http

from earthline.config import Config
from earthline.finding import Finding
from pipelines import dataflow

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_APIS = ("aiplatform", "artifactregistry", "earthengine", "logging", "storage")


class Google:
    """Google's APIs, each by its client, with one account's credentials."""

    def __init__(self, credentials: Any = None, http: Any = None) -> None:
        """Keeps the credentials.

        Args:
            credentials: Of google-auth.
            http: An `httplib2.Http` that signs requests by itself, instead of those credentials.
        """
        self._access = {"http": http} if http else {"credentials": credentials}
        self._http = http

    def service(self, api: str, version: str) -> Any:
        """The client of an API, whose interface is part of its package: nothing is discovered over the network."""
        return build(api, version, cache_discovery=False, static_discovery=True, **self._access)

    def with_token(self, token: str) -> "Google":
        """The same APIs with another account's access token."""
        return Google(http=AuthorizedHttp(Credentials(token), http=self._http or build_http()))


def enabled(google: Google, config: Config) -> Finding:
    """Whether the project has the APIs switched on that a run calls.

    Args:
        google: The APIs, with one's own credentials.
        config: The workflow's config.

    Raises:
        HttpError: Service Usage refuses.
    """
    # https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet
    project = config.environment.project
    wanted = sorted({*_APIS, *(["dataflow"] if config.export.runner == dataflow.NAME else [])})
    names = [f"projects/{project}/services/{name}.googleapis.com" for name in wanted]
    answer = google.service("serviceusage", "v1").services().batchGet(parent=f"projects/{project}", names=names)
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
