"""What is missing in a project, asked of APIs that answer as Google's references say, through the real client."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httplib2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from earthline.config import Config, load
from pipelines.compilation import SpecificationError, compile_workflow, verify
from pipelines.images import ImageError, ImageReference
from pipelines.preflight import Finding, Preflight
from pipelines.quotas import Need, needs

ROOT = Path(__file__).parents[2]
ACCOUNT = "trainer@your-project.iam.gserviceaccount.com"
REPOSITORY = "/v1/projects/your-project/locations/us-central1/repositories/earthline"
NAMES = (
    "APIs",
    "permissions",
    "service account",
    "bucket's location",
    "image in its registry",
    "quota",
)


class Project:
    """A project of Google Cloud that has everything, until a test takes something away."""

    def __init__(self) -> None:
        self.disabled: set[str] = set()
        self.denied: set[str] = set()
        self.gone: set[str] = set()
        self.account: dict[str, Any] = {"email": ACCOUNT}
        self.bucket = {"location": "US-CENTRAL1", "locationType": "region"}
        self.limits = {"custom_model_training_cpus": 42, "custom_model_serving_cpus": 42}
        self.asked: list[str] = []
        self.credentials = None

    def request(
        self, uri: str, method: str = "GET", body: Any = None, **options: Any
    ) -> tuple[httplib2.Response, bytes]:
        parts = urlsplit(uri)
        self.asked.append(f"{method} {parts.netloc}{parts.path}")
        status, answer = self.answer(parts.netloc.partition(".")[0], parts.path, parse_qs(parts.query), body)
        return httplib2.Response({"status": status, "content-type": "application/json"}), json.dumps(answer).encode()

    def answer(self, api: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if f"{api}.googleapis.com" in self.disabled:
            details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]
            message = f"{api} API has not been used in project 1 before or it is disabled."
            return 403, {"error": {"code": 403, "message": message, "details": details}}
        if path in self.gone:
            return 404, {"error": {"code": 404, "message": "not found"}}
        if path.endswith("services:batchGet"):
            names = [name.rpartition("/")[2] for name in query["names"]]
            states = {name: "DISABLED" if name in self.disabled else "ENABLED" for name in names}
            return 200, {"services": [{"config": {"name": name}, "state": state} for name, state in states.items()]}
        if path.endswith(":testIamPermissions"):
            return 200, {"permissions": [each for each in json.loads(body)["permissions"] if each not in self.denied]}
        if path.endswith("/consumerQuotaMetrics"):
            return 200, {"metrics": [quota(name, limit) for name, limit in self.limits.items()]}
        if "/serviceAccounts/" in path:
            return 200, self.account
        if path.startswith("/storage/v1/b/"):
            return 200, self.bucket
        assert path.startswith(REPOSITORY), path
        return 200, {"name": path}


def quota(name: str, limit: int) -> dict[str, Any]:
    buckets = [{"effectiveLimit": "0"}, {"effectiveLimit": str(limit), "dimensions": {"region": "us-central1"}}]
    elsewhere = {"effectiveLimit": "999", "dimensions": {"region": "europe-west4"}}
    regional = {"unit": "1/{project}/{region}", "quotaBuckets": [*buckets, elsewhere]}
    return {
        "metric": f"aiplatform.googleapis.com/{name}",
        "consumerQuotaLimits": [regional, {"unit": "1/min/{project}"}],
    }


def config(*overrides: str) -> Config:
    account = f"environment.service_account={ACCOUNT}"
    return load(ROOT / "configs" / "land_cover_vertex.yaml", [account, "train.accelerator_type=null", *overrides])


def ask(project: Project, *overrides: str) -> dict[str, Finding]:
    overrides = ("train.accelerator_count=0", "train.machine_type=n1-standard-8", *overrides)
    return {finding.name: finding for finding in Preflight(config(*overrides), http=project).findings()}


def test_a_project_that_has_everything_passes() -> None:
    project = Project()
    found = ask(project)
    assert tuple(found) == NAMES
    assert {name: finding.passed for name, finding in found.items()} == dict.fromkeys(NAMES, True)
    assert not any(finding.fix for finding in found.values())
    # Nothing is changed: two questions about permissions are the only calls that are no GET.
    assert [call for call in project.asked if not call.startswith("GET") and "testIamPermissions" not in call] == []
    assert f"GET artifactregistry.googleapis.com{REPOSITORY}/packages/earthline/tags/0.1.0" in project.asked


@pytest.mark.parametrize(
    ("change", "name", "said", "fix"),
    [
        (
            {"disabled": {"earthengine.googleapis.com", "logging.googleapis.com"}},
            "APIs",
            "not enabled: earthengine.googleapis.com, logging.googleapis.com",
            "gcloud services enable earthengine.googleapis.com logging.googleapis.com --project=your-project",
        ),
        (
            {"disabled": {"serviceusage.googleapis.com"}},
            "APIs",
            "has not been used",
            "gcloud services enable serviceusage.googleapis.com --project=your-project",
        ),
        (
            {"denied": {"aiplatform.schedules.create", "aiplatform.models.upload", "earthengine.computations.create"}},
            "permissions",
            "not granted: aiplatform.models.upload, aiplatform.schedules.create, earthengine.computations.create",
            "gcloud projects add-iam-policy-binding your-project --member=user:$(gcloud config get-value account) "
            "--role=roles/aiplatform.user; gcloud projects add-iam-policy-binding your-project "
            "--member=user:$(gcloud config get-value account) --role=roles/earthengine.writer",
        ),
        (
            {"gone": {f"/v1/projects/-/serviceAccounts/{ACCOUNT}"}},
            "service account",
            "does not exist",
            "gcloud iam service-accounts create trainer --project=your-project",
        ),
        (
            {"account": {"email": ACCOUNT, "disabled": True}},
            "service account",
            "is disabled",
            f"gcloud iam service-accounts enable {ACCOUNT}",
        ),
        (
            {"denied": {"iam.serviceAccounts.actAs"}},
            "service account",
            "you may not start jobs that run as",
            f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} "
            "--member=user:$(gcloud config get-value account) --role=roles/iam.serviceAccountUser",
        ),
        (
            {"bucket": {"location": "EUROPE-WEST4", "locationType": "region"}},
            "bucket's location",
            "lies in europe-west4, the pipeline runs in us-central1",
            "--location=us-central1 --project=your-project, and set environment.bucket to it",
        ),
        (
            {"gone": {REPOSITORY}},
            "image in its registry",
            "repositories/earthline does not exist",
            "gcloud artifacts repositories create earthline --repository-format=docker --location=us-central1 "
            "--project=your-project",
        ),
        (
            {"gone": {f"{REPOSITORY}/packages/earthline/tags/0.1.0"}},
            "image in its registry",
            "earthline:0.1.0 does not exist",
            "docker push us-central1-docker.pkg.dev/your-project/earthline/earthline:0.1.0",
        ),
        (
            {"limits": {"custom_model_training_cpus": 4, "custom_model_serving_cpus": 42}},
            "quota",
            "train.machine_type takes 8, the limit in us-central1 is 4",
            "gcloud alpha services quota update --service=aiplatform.googleapis.com --consumer=projects/your-project "
            "--metric=aiplatform.googleapis.com/custom_model_training_cpus --unit='1/{project}/{region}' "
            "--dimensions=region=us-central1 --value=8",
        ),
    ],
)
def test_what_is_missing_comes_with_the_command_that_mends_it(
    change: dict[str, Any], name: str, said: str, fix: str
) -> None:
    project = Project()
    vars(project).update(change)
    found = ask(project)
    assert tuple(found) == NAMES
    assert found[name].passed is False
    assert said in found[name].detail
    assert found[name].fix.endswith(fix)


def test_what_cannot_be_known_is_no_failure() -> None:
    project = Project()
    project.gone = {"/storage/v1/b/your-bucket"}
    project.limits = {"custom_model_serving_cpus": -1}
    found = ask(project, "environment.bucket=your-bucket", "environment.image=ghcr.io/you/earthline:0.1.0")
    assert found["bucket's location"].passed is None
    assert found["image in its registry"].passed is None
    assert "no limit is published for custom_model_training_cpus" in found["quota"].detail


def test_a_multi_region_holds_the_location() -> None:
    project = Project()
    project.bucket = {"location": "US", "locationType": "multi-region"}
    assert ask(project)["bucket's location"].passed is True


def test_quotas_count_every_machine() -> None:
    wanted = config(
        "train.machine_type=n1-standard-16",
        "train.replicas=3",
        "train.accelerator_type=NVIDIA_TESLA_T4",
        "train.accelerator_count=2",
        "serving.machine_type=n2-standard-4",
        "serving.max_replicas=5",
    )
    assert needs(wanted) == [
        Need("custom_model_training_cpus", 48, "train.machine_type"),
        Need("custom_model_serving_n2_cpus", 20, "serving.machine_type"),
        Need("custom_model_training_nvidia_t4_gpus", 6, "train.accelerator_type"),
    ]


def test_an_image_is_told_apart() -> None:
    digest = "sha256:" + "a" * 64
    image = ImageReference.parse(f"europe-west4-docker.pkg.dev/project/repository/group/name@{digest}")
    assert image.repository == "projects/project/locations/europe-west4/repositories/repository"
    assert image.package.endswith("/packages/group%2Fname")
    assert (image.tag, image.digest) == ("", digest)
    assert ImageReference.parse("earthline:0.1.0").registry == ""
    assert ImageReference.parse("localhost:5000/earthline:1").registry == "localhost:5000"


def test_a_package_with_a_slash_is_asked_for_as_one() -> None:
    project = Project()
    ask(project, "environment.image=us-central1-docker.pkg.dev/your-project/earthline/group/name:1")
    assert f"GET artifactregistry.googleapis.com{REPOSITORY}/packages/group%2Fname/tags/1" in project.asked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Earthline:1", "names no container image"),
        ("earthline", "does not say which version"),
        ("gcr.io/p/earthline:latest", "does not say which version"),
        ("us-central1-docker.pkg.dev/project/name:1", "lacks a part"),
        ("earthline:1@sha256:abc", "names no container image"),
    ],
)
def test_an_image_of_which_nobody_knows_the_version_is_refused(text: str, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        ImageReference.parse(text)


@given(st.text(max_size=60) | st.from_regex(r"\A[a-z.:/@-]{1,60}\Z"))
def test_any_text_is_an_image_or_none(text: str) -> None:
    try:
        image = ImageReference.parse(text)
    except ImageError:
        return
    again = f"{image.registry}/" * bool(image.registry) + image.path + f":{image.tag}" * bool(image.tag)
    assert again + f"@{image.digest}" * bool(image.digest) == text


@pytest.fixture(scope="module")
def template() -> bytes:
    return compile_workflow(load(ROOT / "configs" / "quickstart.yaml"))


def test_the_compiled_pipeline_is_sound(template: bytes) -> None:
    assert verify(template, "earthline:0.1.0") == 9


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("root.dag.tasks.check-news.componentRef.name", "comp-none", "check-news has no component"),
        ("components.comp-check-news.executorLabel", "exec-none", "exec-none is not there"),
        ("root.inputDefinitions.parameters.data.defaultValue", None, "the parameter data has no value"),
        ("deploymentSpec.executors.exec-check-news.container.image", "python:3.11", "runs in python:3.11"),
        ("surprise", 1, "does not follow KFP's schema"),
    ],
)
def test_a_broken_pipeline_is_told(template: bytes, path: str, value: Any, said: str) -> None:
    spec = yaml.safe_load(template)
    place = spec
    *parents, last = re.split(r"\.", path)
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(SpecificationError, match=re.escape(said)):
        verify(yaml.safe_dump(spec).encode(), "earthline:0.1.0")
