"""The `environment` section: where a workflow runs, as whom, on which machines, under which labels."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from earthline.config.section import Section

MOST_LABELS = 63
"""Google takes 64 on a resource; one is the workflow's own."""
RESERVED_LABEL = "earthline-workflow"
"""Set by Earthline itself: runs, schedules and resources are found by it."""
_LABEL_LENGTH = 63
_LABEL_CHARACTER = re.compile(r"[\w-]")
_ACCOUNT = r"^[a-z0-9][a-z0-9\-.]*@[a-z0-9\-.:]+\.gserviceaccount\.com$"
"""E-mail address of a service account, also of those that Google makes, such as PROJECT_NUMBER-compute@…"""


def _label_problem(text: str, *, is_key: bool) -> str:
    """What is wrong with a label's key or value by https://cloud.google.com/resource-manager/docs/labels-overview."""
    if is_key and not text:
        return "is empty"
    if len(text) > _LABEL_LENGTH:
        return f"has {len(text)} characters, at most {_LABEL_LENGTH} are allowed"
    strange = sorted({letter for letter in text if not _LABEL_CHARACTER.fullmatch(letter) or letter.lower() != letter})
    if strange:
        return (
            f"holds {' '.join(repr(letter) for letter in strange[:5])}: only lower-case letters, digits, dashes and "
            "underscores are allowed"
        )
    if is_key and not text[0].isalpha():
        return f"begins with {text[0]!r}, it must begin with a letter"
    return ""


def _fitting(text: str) -> str:
    """The nearest label to a text."""
    return re.sub(r"[^\w-]+", "-", text.lower())[:_LABEL_LENGTH].strip("-")


def _labels(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    problems = []
    for key, content in value.items():
        if not isinstance(key, str) or not isinstance(content, str):
            problems.append(f"label {key!r}: {content!r} must be two texts; put them into quotes")
            continue
        if key == RESERVED_LABEL:
            problems.append(f"label {key!r} is Earthline's own, its value is the workflow's name; use another key")
            continue
        for what, text, is_key in (("key", key, True), ("value", content, False)):
            problem = _label_problem(text, is_key=is_key)
            if problem:
                better = _fitting(text)
                such = f"; write {better!r}" if better and not _label_problem(better, is_key=is_key) else ""
                shown = text if len(text) <= 70 else f"{text[:67]}..."
                problems.append(f"the {what} {shown!r} {problem}{such}")
    if len(value) > MOST_LABELS:
        problems.append(f"{len(value)} labels are given, at most {MOST_LABELS} are allowed")
    if problems:
        raise ValueError("\n".join(problems))
    return value


ResourceLabels = Annotated[dict[str, str], BeforeValidator(_labels)]
ServiceAccount = Annotated[str, Field(pattern=_ACCOUNT)]
Image = Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9._\-/:@]*$")]


class Dataflow(Section):
    """How Dataflow runs the export, where `export.runner` is `DataflowRunner`."""

    service_account: ServiceAccount | None = Field(
        default=None, description="Service account of the workers; left out, `environment.service_account`."
    )
    network: str | None = Field(
        default=None,
        pattern=r"^[a-z]([a-z0-9\-]{0,61}[a-z0-9])?$",
        description="VPC network of the workers; left out, the project's `default`.",
    )
    subnetwork: str | None = Field(
        default=None,
        pattern=r"^(https://www\.googleapis\.com/compute/v1/projects/[^/]+/)?regions/[a-z0-9\-]+/subnetworks/[a-z0-9\-]+$",
        description="Subnetwork of the workers, as regions/REGION/subnetworks/NAME, or its whole address where it is "
        "shared by another project.",
    )
    public_ips: bool = Field(
        default=True,
        description="Whether workers get public addresses; without them the subnetwork needs Private Google Access.",
    )
    machine_type: str = Field(
        default="n1-standard-2",
        pattern=r"^[a-z][a-z0-9]*-[a-z0-9\-]+$",
        description="Compute Engine machine type of the workers.",
    )
    job_name: str | None = Field(
        default=None,
        pattern=r"^[a-z]([a-z0-9\-]{0,60}[a-z0-9])?$",
        description="Begin of the job's name, which ends with the time; left out, the workflow's name and the step's.",
    )


class Environment(Section):
    """Where the pipeline runs."""

    target: Literal["sandbox", "cloud"] = Field(
        default="sandbox", description="`sandbox`: Google on this machine, no account; `cloud`: Google Cloud."
    )
    project: str = Field(
        default="sandbox",
        pattern=r"^[a-z][a-z0-9\-:.]{3,61}[a-z0-9]$",
        description="Google Cloud project id.",
    )
    location: str = Field(
        default="us-central1",
        pattern=r"^[a-z]+-[a-z]+\d+$",
        description="Vertex AI location, such as us-central1.",
    )
    bucket: str = Field(
        default="earthline-sandbox",
        pattern=r"^[a-z0-9][a-z0-9._\-]{1,61}[a-z0-9]$",
        description="Cloud Storage bucket (without gs://) that keeps every artifact; in the same location.",
    )
    image: Image = Field(
        default="earthline:0.1.0",
        description="Container image of steps and Beam workers; of the training too, unless `train.image` names "
        "another, and of the endpoint, unless `serving_image` does.",
    )
    serving_image: Image | None = Field(
        default=None,
        description="Container image of the endpoint, for models that need no TensorFlow there: `make image` builds it "
        "as NAME-serving, a few hundred MB. Left out, or where a model needs TensorFlow, `image`.",
    )
    service_account: ServiceAccount | None = Field(
        default=None,
        description="Service account that runs the pipeline; left out, the project's Compute Engine account.",
    )
    experiment: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9-]{0,99}$",
        description="Id of a Vertex AI experiment: each evaluated model becomes a run of it, with its settings and its "
        "figures on the test blocks, so that the console compares them. Left out, none is written.",
    )
    resource_labels: ResourceLabels = Field(
        default_factory=dict, description="Vertex AI labels on every resource that the workflow makes."
    )
    dataflow: Dataflow = Field(default_factory=Dataflow, description="How Dataflow runs the export.")

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        subnetwork = self.dataflow.subnetwork
        if subnetwork is not None and f"regions/{self.location}/" not in subnetwork:
            raise ValueError(
                f"dataflow.subnetwork '{subnetwork}' lies in another region than location '{self.location}', where the "
                "workers run; name one of that region"
            )
        return self
