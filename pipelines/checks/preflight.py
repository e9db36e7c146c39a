"""Checks before a run what the workflow needs of Google Cloud: what is missing, and the command that mends it.

Nothing is changed. Each question is one call of a public API by Google's own client, whose interfaces are part of
its package, so that nothing has to be discovered over the network.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import google.auth
from google.auth.exceptions import GoogleAuthError
from googleapiclient.errors import HttpError

from earthline.config import Config
from earthline.finding import Finding
from pipelines import dataflow
from pipelines.checks import apis, resources
from pipelines.checks.permissions import Permissions
from pipelines.checks.quotas import quota

Ask = Callable[[], Finding]

_IMAGE = "image in its registry"
_TRAINING_IMAGE = "training's in registry"
_SERVING_IMAGE = "endpoint's in registry"


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
        self._credentials: Any = None if http else google.auth.default(scopes=[apis.SCOPE])[0]
        self._google = apis.Google(self._credentials, http)

    def findings(self) -> Iterator[Finding]:
        """Every check's outcome; one that cannot be asked does not hide the others."""
        config, client = self._config, self._google
        permissions = Permissions(config, client, self._credentials)
        registered = partial(resources.image, client)
        questions: list[tuple[str, str, Ask]] = [
            ("APIs", "serviceusage", partial(apis.enabled, client, config)),
            ("permissions", "cloudresourcemanager", permissions.of_submitter),
            ("service account", "iam", permissions.service_account),
            ("rights of the steps", "iam", permissions.of_steps),
            ("bucket's location", "storage", partial(resources.bucket_location, client, config)),
            (_IMAGE, "artifactregistry", partial(registered, _IMAGE, config.environment.image)),
            ("quota", "serviceusage", partial(quota, client, config)),
        ]
        if config.export.runner == dataflow.NAME:
            questions.insert(4, ("rights of the workers", "iam", permissions.of_workers))
        if config.train.image is not None:
            questions.insert(
                -1, (_TRAINING_IMAGE, "artifactregistry", partial(registered, _TRAINING_IMAGE, config.train_image))
            )
        if config.environment.serving_image is not None:
            serves = partial(registered, _SERVING_IMAGE, config.environment.serving_image)
            questions.insert(-1, (_SERVING_IMAGE, "artifactregistry", serves))
        for name, api, ask in questions:
            try:
                yield ask()
            except HttpError as error:
                yield _refused(name, api, config.environment.project, error)
            except (GoogleAuthError, OSError) as error:
                yield Finding(name, False, " ".join(str(error).split()), "gcloud auth application-default login")


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
