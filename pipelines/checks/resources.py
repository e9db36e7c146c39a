"""What must be in the project before a run: a bucket in the right place, and the image."""

from googleapiclient.errors import HttpError

from earthline.config import Config
from earthline.finding import Finding
from pipelines.checks.apis import Google
from pipelines.checks.images import ImageReference


def bucket_location(google: Google, config: Config) -> Finding:
    """Whether the bucket lies where the pipeline runs.

    Args:
        google: The APIs, with one's own credentials.
        config: The workflow's config.

    Raises:
        HttpError: Cloud Storage refuses.
    """
    # https://cloud.google.com/storage/docs/json_api/v1/buckets/get
    name, bucket, location = "bucket's location", config.environment.bucket, config.environment.location
    create = f"gcloud storage buckets create gs://{{}} --location={location} --project={config.environment.project}"
    try:
        found = google.service("storage", "v1").buckets().get(bucket=bucket).execute()
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


def image(google: Google, name: str, text: str) -> Finding:
    """Whether an image is in Artifact Registry; of other registries nothing is known.

    Args:
        google: The APIs, with one's own credentials.
        name: Of the finding.
        text: Reference to the image.

    Raises:
        HttpError: Artifact Registry refuses.
    """
    # https://cloud.google.com/artifact-registry/docs/reference/rest
    reference = ImageReference.parse(text)
    if not reference.is_artifact_registry:
        return Finding(name, None, f"skipped: {reference.registry or 'no registry'} cannot be asked")
    repositories = google.service("artifactregistry", "v1").projects().locations().repositories()
    try:
        repositories.get(name=reference.repository).execute()
    except HttpError as error:
        if error.status_code != 404:
            raise
        _, project, _, location, _, repository = reference.repository.split("/")
        return Finding(
            name,
            False,
            f"the repository {reference.repository} does not exist",
            f"gcloud artifacts repositories create {repository} --repository-format=docker --location={location} "
            f"--project={project}",
        )
    package = repositories.packages()
    asked = (
        package.versions().get(name=f"{reference.package}/versions/{reference.digest}")
        if reference.digest
        else package.tags().get(name=f"{reference.package}/tags/{reference.tag}")
    )
    try:
        asked.execute()
    except HttpError as error:
        if error.status_code != 404:
            raise
        return Finding(name, False, f"{text} does not exist", f"docker push {text}")
    return Finding(name, True, f"{text} is there")
