"""What is missing in a project, asked of APIs that answer as Google's references say, through the real client."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httplib2
import pytest

from earthline.config import Config, load
from earthline.finding import Finding
from pipelines.checks.preflight import Preflight
from pipelines.checks.rights import of_steps

ROOT = Path(__file__).parents[3]
ACCOUNT = "trainer@your-project.iam.gserviceaccount.com"
REPOSITORY = "/v1/projects/your-project/locations/us-central1/repositories/earthline"
DEFAULT = "123456789012-compute@developer.gserviceaccount.com"
WORKERS = "workers@your-project.iam.gserviceaccount.com"
NAMES = (
    "APIs",
    "permissions",
    "service account",
    "rights of the steps",
    "bucket's location",
    "image in its registry",
    "quota",
)


class Project:
    """A project of Google Cloud that has everything, until a test takes something away."""

    def __init__(self) -> None:
        self.disabled: set[str] = set()
        self.denied: set[str] = set()
        self.denied_to: dict[str, set[str]] = {}
        self.impersonates = True
        self.policies: dict[str, list[dict[str, Any]]] | None = None
        self.roles: dict[str, list[str]] = {}
        self.gone: set[str] = set()
        self.account: dict[str, Any] = {"email": ACCOUNT}
        self.bucket = {"location": "US-CENTRAL1", "locationType": "region"}
        self.limits = {"custom_model_training_cpus": 42, "custom_model_serving_cpus": 100}
        self.asked: list[str] = []
        self.credentials = None

    def request(
        self, uri: str, method: str = "GET", body: Any = None, **options: Any
    ) -> tuple[httplib2.Response, bytes]:
        parts = urlsplit(uri)
        self.asked.append(f"{method} {parts.netloc}{parts.path}")
        bearer = {name.lower(): value for name, value in (options.get("headers") or {}).items()}.get("authorization")
        self.asks = bearer.removeprefix("Bearer token of ") if bearer else ""
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
        if path.endswith(("/iam/testPermissions", ":testIamPermissions")):
            asked = query["permissions"] if "permissions" in query else json.loads(body)["permissions"]
            denied = self.denied_to.get(self.asks, set()) if self.asks else self.denied
            return 200, {"permissions": [each for each in asked if each not in denied]}
        if path.endswith(":generateAccessToken"):
            account = path.rpartition("/")[2].partition(":")[0]
            refused = 403, {"error": {"code": 403, "message": "iam.serviceAccounts.getAccessToken denied"}}
            return (200, {"accessToken": f"token of {account}"}) if self.impersonates else refused
        if path.endswith((":getIamPolicy", "/iam")):
            if self.policies is None:
                return 403, {"error": {"code": 403, "message": "getIamPolicy denied"}}
            (bindings,) = [found for name, found in self.policies.items() if name in path] or [[]]
            return 200, {"bindings": bindings}
        if path.startswith("/v1/") and "roles/" in path:
            return 200, {"includedPermissions": self.roles[path.removeprefix("/v1/")]}
        if path == "/v3/projects/your-project":
            return 200, {"name": "projects/123456789012", "projectId": "your-project"}
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
    processors = ("train.accelerator_type=null", "train.accelerator_count=0", "train.image=null")
    given = dict(each.split("=", 1) for each in (account, *processors, *overrides))
    return load(ROOT / "configs" / "land_cover_vertex.yaml", [f"{key}={value}" for key, value in given.items()])


def ask(project: Project, *overrides: str) -> dict[str, Finding]:
    return {finding.name: finding for finding in Preflight(config(*overrides), http=project).findings()}


def test_a_project_that_has_everything_passes() -> None:
    project = Project()
    found = ask(project)
    assert tuple(found) == NAMES
    assert {name: finding.passed for name, finding in found.items()} == dict.fromkeys(NAMES, True)
    assert not any(finding.fix for finding in found.values())
    # Nothing is changed: questions about permissions, and a token to ask them with, are the only calls that are no GET.
    questions = ("testIamPermissions", "generateAccessToken")
    assert [call for call in project.asked if not call.startswith("GET") and not call.endswith(questions)] == []
    assert f"GET artifactregistry.googleapis.com{REPOSITORY}/packages/earthline/tags/0.1.0" in project.asked


def test_an_image_for_endpoints_is_looked_for_as_well() -> None:
    image = "us-central1-docker.pkg.dev/your-project/earthline/earthline-serving:0.1.0"
    missing = Project()
    missing.gone = {f"{REPOSITORY}/packages/earthline-serving/tags/0.1.0"}
    finding = ask(missing, f"environment.serving_image={image}")["endpoint's in registry"]
    assert (finding.passed, finding.fix) == (False, f"docker push {image}")


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
            {"denied": {"aiplatform.schedules.create", "earthengine.computations.create"}},
            "permissions",
            "not granted: aiplatform.schedules.create, earthengine.computations.create",
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
            {"limits": {"custom_model_training_cpus": 4, "custom_model_serving_cpus": 100}},
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


@pytest.mark.parametrize(
    ("lacking", "said", "fix"),
    [
        (
            {"aiplatform.endpoints.predict"},
            "lacks aiplatform.endpoints.predict",
            f"gcloud projects add-iam-policy-binding your-project --member=serviceAccount:{ACCOUNT} "
            "--role=roles/aiplatform.user",
        ),
        (
            {"earthengine.computations.create", "earthengine.assets.create"},
            "lacks earthengine.assets.create, earthengine.computations.create",
            f"gcloud projects add-iam-policy-binding your-project --member=serviceAccount:{ACCOUNT} "
            "--role=roles/earthengine.writer",
        ),
        (
            {"storage.objects.create"},
            "lacks storage.objects.create",
            f"gcloud storage buckets add-iam-policy-binding gs://your-project-earthline "
            f"--member=serviceAccount:{ACCOUNT} --role=roles/storage.objectAdmin",
        ),
        (
            {"serviceusage.services.use"},
            "lacks serviceusage.services.use",
            f"gcloud projects add-iam-policy-binding your-project --member=serviceAccount:{ACCOUNT} "
            "--role=roles/serviceusage.serviceUsageConsumer",
        ),
        (
            {"iam.serviceAccounts.actAs"},
            f"lacks iam.serviceAccounts.actAs on {ACCOUNT}",
            f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --member=serviceAccount:{ACCOUNT} "
            "--role=roles/iam.serviceAccountUser",
        ),
    ],
)
def test_it_is_the_account_of_the_steps_that_is_asked_about(lacking: set[str], said: str, fix: str) -> None:
    project = Project()
    # Whoever submits may do everything, which is no help to the steps.
    project.denied_to = {ACCOUNT: lacking}
    found = ask(project)
    assert found["permissions"].passed is True
    finding = found["rights of the steps"]
    assert finding.passed is False
    assert said in finding.detail
    assert finding.fix == fix


def test_without_a_name_the_default_account_is_asked_about() -> None:
    project = Project()
    project.denied_to = {DEFAULT: {"earthengine.assets.create"}}
    found = ask(project, "environment.service_account=null")
    assert found["service account"].detail == f"{DEFAULT}, as none is named"
    assert found["rights of the steps"].detail == f"{DEFAULT} lacks earthengine.assets.create"
    # Its custom job names no account, so it needs no right to act as one.
    project.denied_to = {DEFAULT: {"iam.serviceAccounts.actAs"}}
    assert ask(project, "environment.service_account=null")["rights of the steps"].passed is True


def policies(*roles: str, bucket: tuple[str, ...] = (), account: tuple[str, ...] = ()) -> dict[str, Any]:
    def bindings(names: tuple[str, ...]) -> list[dict[str, Any]]:
        return [{"role": name, "members": ["user:a@b.c", f"serviceAccount:{ACCOUNT}"]} for name in names]

    named = {"your-project:getIamPolicy": roles, "/b/your-project-earthline": bucket, ACCOUNT: account}
    return {name: bindings(granted) for name, granted in named.items()}


def roles_of_google() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for right in of_steps(config("export.runner=DataflowRunner"), ACCOUNT):
        found.setdefault(right.role, []).append(right.permission)
    return found


def test_where_nobody_may_act_as_the_account_the_policies_are_read() -> None:
    project = Project()
    project.impersonates, project.roles = False, roles_of_google()
    everything = ("roles/aiplatform.user", "roles/earthengine.writer", "roles/serviceusage.serviceUsageConsumer")
    of_bucket = ("roles/storage.objectAdmin", "roles/storage.legacyBucketReader")
    project.policies = policies(*everything, bucket=of_bucket, account=("roles/iam.serviceAccountUser",))
    found = ask(project)["rights of the steps"]
    assert (found.passed, found.fix) == (True, "")
    assert "the policies give" in found.detail

    project.policies = policies(*everything[:1], everything[2], bucket=of_bucket)
    found = ask(project)["rights of the steps"]
    assert found.passed is None, "a folder may grant it: nobody here can know"
    assert found.detail.startswith("not known: ")
    for word in ("earthengine.assets.create", f"iam.serviceAccounts.actAs on {ACCOUNT}", "the steps will fail"):
        assert word in found.detail
    assert "aiplatform.endpoints.predict" not in found.detail
    assert "--role=roles/earthengine.writer" in found.fix
    assert "--role=roles/iam.serviceAccountTokenCreator" in found.fix


def test_a_role_under_a_condition_is_no_grant() -> None:
    project = Project()
    project.impersonates, project.roles = (
        False,
        {"projects/your-project/roles/all": [right.permission for right in of_steps(config(), ACCOUNT)]},
    )
    project.policies = policies("projects/your-project/roles/all")
    assert ask(project)["rights of the steps"].passed is True
    for bindings in project.policies.values():
        for binding in bindings:
            binding["condition"] = {"expression": "request.time < timestamp('2020-01-01T00:00:00Z')"}
    assert ask(project)["rights of the steps"].passed is None


def test_what_nobody_may_look_at_is_not_known() -> None:
    project = Project()
    project.impersonates = False
    found = ask(project)["rights of the steps"]
    assert found.passed is None
    assert found.detail.startswith(f"not known: you may neither act in the name of {ACCOUNT} nor read")
    assert f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT}" in found.fix


@pytest.mark.parametrize("method", ["batch", "pixels_then_batch"])
def test_export_tasks_need_rights_of_their_own(method: str) -> None:
    project = Project()
    project.denied_to = {ACCOUNT: {"earthengine.exports.create"}}
    assert ask(project)["rights of the steps"].passed is True
    found = ask(project, f"export.method={method}")["rights of the steps"]
    assert "lacks earthengine.exports.create" in found.detail and "--role=roles/earthengine.writer" in found.fix


def test_dataflow_needs_roles_for_its_launcher_and_its_workers() -> None:
    project = Project()
    assert ask(project, "export.runner=DataflowRunner")["rights of the workers"].passed is True
    project.denied_to = {ACCOUNT: {"dataflow.jobs.create", "dataflow.workItems.lease"}}
    found = ask(project, "export.runner=DataflowRunner")["rights of the steps"]
    assert "lacks dataflow.jobs.create, dataflow.workItems.lease" in found.detail
    assert found.fix.count("--role=roles/dataflow.") == 2

    # With an account of their own it is the workers' that needs to work.
    apart = ("export.runner=DataflowRunner", f"environment.dataflow.service_account={WORKERS}")
    project.denied_to = {ACCOUNT: {"dataflow.workItems.lease"}, WORKERS: {"earthengine.computations.create"}}
    answers = ask(project, *apart)
    assert answers["rights of the steps"].passed is True
    assert answers["rights of the workers"].detail == f"{WORKERS} lacks earthengine.computations.create"
    project.denied_to = {ACCOUNT: {"iam.serviceAccounts.actAs"}}
    assert f"iam.serviceAccounts.actAs on {WORKERS}" in ask(project, *apart)["rights of the steps"].detail


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


def test_a_package_with_a_slash_is_asked_for_as_one() -> None:
    project = Project()
    ask(project, "environment.image=us-central1-docker.pkg.dev/your-project/earthline/group/name:1")
    assert f"GET artifactregistry.googleapis.com{REPOSITORY}/packages/group%2Fname/tags/1" in project.asked
