import copy
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

from earthline.config import Config, ConfigError, load
from pipelines.compilation import compile_workflow
from pipelines.runs.steps import steps_in_order
from tests.trainer.models.onnx import graphs

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "configs" / "quickstart.yaml"
STEPS = [
    "detect_changes",
    "export_examples",
    "validate_examples",
    "train_model",
    "evaluate_model",
    "prepare_saved_model",
    "deploy_model",
    "register_ee_model",
    "predict_map",
    "preview_map",
]


def compiled(*overrides: str) -> dict[str, Any]:
    content = yaml.safe_load(compile_workflow(load(QUICKSTART, overrides)))
    assert isinstance(content, dict)
    return content


@pytest.fixture(scope="module")
def config() -> Config:
    return load(QUICKSTART)


@pytest.fixture(scope="module")
def template(config: Config) -> bytes:
    return compile_workflow(config)


@pytest.fixture(scope="module")
def spec(template: bytes) -> dict[str, Any]:
    content = yaml.safe_load(template)
    assert isinstance(content, dict)
    return content


def executor(spec: dict[str, Any], step: str) -> dict[str, Any]:
    container = spec["deploymentSpec"]["executors"][f"exec-{step.replace('_', '-')}"]["container"]
    assert isinstance(container, dict)
    return container


def train_pools(spec: dict[str, Any]) -> list[dict[str, Any]]:
    parameters = spec["components"]["comp-train-model"]["inputDefinitions"]["parameters"]
    pools = parameters["worker_pool_specs"]["defaultValue"]
    assert isinstance(pools, list)
    return pools


def without_defaults(spec: dict[str, Any]) -> dict[str, Any]:
    bare = copy.deepcopy(spec)
    for parameter in bare["root"]["inputDefinitions"]["parameters"].values():
        parameter.pop("defaultValue", None)
    return bare


def test_kfp_reads_it_back_as_a_pipeline(template: bytes, spec: dict[str, Any]) -> None:
    message = pipeline_spec_pb2.PipelineSpec()
    json_format.ParseDict(spec, message)
    assert message.pipeline_info.name == "quickstart"
    loaded = components.load_component_from_text(template.decode())
    assert set(loaded.component_spec.inputs) == set(spec["root"]["inputDefinitions"]["parameters"])


def behind(spec: dict[str, Any], name: str) -> dict[str, Any]:
    """Tasks of the branch that a condition of this name guards."""
    branches = [spec["root"]["dag"], *(each["dag"] for each in spec["components"].values() if "dag" in each)]
    (gate,) = (task for dag in branches for task in dag["tasks"].values() if task["taskInfo"]["name"].startswith(name))
    tasks = spec["components"][gate["componentRef"]["name"]]["dag"]["tasks"]
    assert isinstance(tasks, dict)
    return tasks


def test_the_same_config_gives_the_same_bytes_in_any_process_and_folder(template: bytes, tmp_path: Path) -> None:
    assert compile_workflow(load(QUICKSTART)) == template
    program = (
        "import sys; from pathlib import Path; from earthline.config import load;"
        "from pipelines.compilation import compile_workflow;"
        f"sys.stdout.buffer.write(compile_workflow(load(Path({str(QUICKSTART)!r}))))"
    )
    reply = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "4321", "TZ": "Asia/Tokyo", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert reply.stdout == template


def test_it_names_images_and_nothing_of_this_machine(template: bytes, spec: dict[str, Any], config: Config) -> None:
    text = template.decode()
    for local in (str(ROOT), sys.prefix, str(Path.home()), tempfile.gettempdir() + "/", socket.gethostname(), "file:"):
        assert local not in text
    images = {name: each["container"]["image"] for name, each in spec["deploymentSpec"]["executors"].items()}
    launcher = images.pop("exec-train-model")
    assert set(images.values()) == {config.environment.image}
    assert launcher.startswith("gcr.io/ml-pipeline/google-cloud-pipeline-components:")
    assert {pool["container_spec"]["image_uri"] for pool in train_pools(spec)} == {config.environment.image}


def test_what_a_model_in_a_file_sees_is_told_to_the_steps(tmp_path: Path) -> None:
    (tmp_path / "theirs.onnx").write_bytes(graphs.u_net(2, len(load(QUICKSTART).data.imagery.band_names)))
    model = f"train.model={{name: file, file: {tmp_path / 'theirs.onnx'}}}"
    defaults = compiled(model)["root"]["inputDefinitions"]["parameters"]
    declares = {"stride": 4, "receptive_field": 17}
    assert json.loads(defaults["train"]["defaultValue"])["model"]["declares"] == declares
    # Once it lies in Cloud Storage nobody reads it before a run: what is to be written then is told.
    with pytest.raises(ConfigError, match=r"with `declares: \{stride: 4, receptive_field: 17\}`"):
        compiled(model, "environment.target=cloud")


def test_tensorflow_does_not_speak_between_the_lines_of_a_step(spec: dict[str, Any]) -> None:
    quiet = {"name": "TF_CPP_MIN_LOG_LEVEL", "value": "1"}
    executors = dict(spec["deploymentSpec"]["executors"])
    # A launcher of Google's, which begins the job.
    executors.pop("exec-train-model")
    assert len(executors) == len(STEPS) - 1
    assert all(quiet in each["container"]["env"] for each in executors.values())
    assert all(quiet in pool["container_spec"]["env"] for pool in train_pools(spec))


def test_no_step_installs_packages_when_it_starts(template: bytes) -> None:
    assert b"pip install" not in template


def test_every_step_can_be_loaded_as_vertex_loads_it(spec: dict[str, Any]) -> None:
    # KFP ships the function's source alone: a name that is not in it would be found missing only in the cloud.
    for step in STEPS:
        command = train_pools(spec)[0]["container_spec"] if step == "train_model" else executor(spec, step)
        source = command["command"][-1]
        names: dict[str, Any] = {}
        exec(compile(source, step, "exec"), names)
        assert callable(names[step])
        assert names[step].__doc__


def test_the_steps_come_in_an_order_in_which_they_can_run(spec: dict[str, Any]) -> None:
    found = steps_in_order(spec)
    assert [step.name for step in found] == STEPS
    assert {step.name: step.custom_job for step in found if step.custom_job} == {
        "train_model": "quickstart-train-model"
    }


def test_training_waits_for_validation(spec: dict[str, Any]) -> None:
    assert "validate-examples" in behind(spec, "retrain")["train-model"]["dependentTasks"]


def test_nothing_but_the_look_for_news_comes_before_its_verdict(spec: dict[str, Any]) -> None:
    tasks = spec["root"]["dag"]["tasks"]
    assert sorted(tasks) == ["condition-1", "detect-changes"]
    # Its verdict is about the world outside, which the cache does not know.
    assert tasks["detect-changes"]["cachingOptions"] == {}
    parameter = "pipelinechannel--detect-changes-Output"
    assert tasks["condition-1"]["triggerPolicy"]["condition"] == f"inputs.parameter_values['{parameter}'] == 'retrain'"
    assert tasks["condition-1"]["inputs"]["parameters"][parameter]["taskOutputParameter"] == {
        "outputParameterKey": "Output",
        "producerTask": "detect-changes",
    }


@pytest.mark.parametrize(
    ("verdict", "steps"),
    [
        ("blessed", ["deploy-model", "predict-map", "prepare-saved-model", "register-ee-model"]),
        ("rejected", ["preview-map"]),
    ],
)
def test_a_blessed_model_is_deployed_and_a_rejected_one_is_shown(
    spec: dict[str, Any], verdict: str, steps: list[str]
) -> None:
    tasks = behind(spec, "retrain")
    (gate,) = (task for task in tasks.values() if task["taskInfo"]["name"].startswith(verdict))
    parameter = "pipelinechannel--evaluate-model-Output"
    assert gate["triggerPolicy"]["condition"] == f"inputs.parameter_values['{parameter}'] == '{verdict}'"
    assert gate["inputs"]["parameters"][parameter]["taskOutputParameter"] == {
        "outputParameterKey": "Output",
        "producerTask": "evaluate-model",
    }
    assert sorted(behind(spec, verdict)) == steps


def test_everything_up_to_the_verdict_is_done_in_any_case(spec: dict[str, Any]) -> None:
    tasks = behind(spec, "retrain")
    assert sorted(name for name in tasks if not name.startswith("condition-")) == [
        "evaluate-model",
        "export-examples",
        "train-model",
        "validate-examples",
    ]


def test_new_imagery_makes_the_cache_forget_the_export(spec: dict[str, Any]) -> None:
    inputs = behind(spec, "retrain")["export-examples"]["inputs"]["parameters"]
    assert inputs["sources"]["componentInputParameter"] == "pipelinechannel--detect-changes-fingerprint"


@pytest.mark.parametrize(
    ("override", "parameters"),
    [
        ("train.epochs=1", {"train"}),
        ("export.seed=5", {"export"}),
        ("evaluate.min_gain=0.1", {"evaluate"}),
        ("predict.concurrency=2", {"predict"}),
        ("serving.endpoint=other", {"serving", "endpoint_name"}),
        ("data.labels.offset=[0,0]", {"data"}),
        ("environment.bucket=elsewhere", {"temp_location"}),
        ("schedule.drift_limit=1", {"drift_limit"}),
        ("schedule.psi_limit=1", {"psi_limit"}),
        ("validation.label_noise=false", {"validation"}),
        ("schedule.cron='0 3 1 * *'", set()),
        # What only the runner of the export reads leaves the parameters of another one as they were.
        ("environment.dataflow.machine_type=n1-standard-4", set()),
    ],
)
def test_a_change_reaches_only_the_parameters_that_hold_it(
    spec: dict[str, Any], override: str, parameters: set[str]
) -> None:
    other = compiled(override)
    before = spec["root"]["inputDefinitions"]["parameters"]
    after = other["root"]["inputDefinitions"]["parameters"]
    assert {name for name in before if before[name] != after[name]} == parameters
    assert without_defaults(other) == without_defaults(spec)


def inputs_of(spec: dict[str, Any], step: str) -> set[str]:
    component = spec["components"][f"comp-{step.replace('_', '-')}"]
    return set(component["inputDefinitions"]["parameters"])


def test_a_change_of_epochs_leaves_the_export_cached(spec: dict[str, Any]) -> None:
    assert inputs_of(spec, "export_examples") == {
        "data",
        "export",
        "project",
        "temp_location",
        "location",
        "image",
        "dataflow",
        "sources",
    }
    assert inputs_of(spec, "validate_examples") == {"data", "validation", "project", "accepted_statistics"}
    readers = {step for step in STEPS if "train" in inputs_of(spec, step)}
    assert readers == {"detect_changes", "train_model"}


def test_each_section_arrives_as_json_of_that_section(spec: dict[str, Any], config: Config) -> None:
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    for name in ("data", "export", "validation", "train", "evaluate", "serving", "predict"):
        # Steps get the tiles and outputs that `auto` stands for.
        section = config.settled_serving if name == "serving" else getattr(config, name)
        assert type(section).model_validate_json(parameters[name]["defaultValue"]) == section


def test_machines_of_the_config_train_the_model() -> None:
    spec = compiled(
        "train.machine_type=n1-highmem-8",
        "train.accelerator_type=NVIDIA_TESLA_T4",
        "train.accelerator_count=2",
        "train.image=earthline:0.1.0-gpu",
        "environment.service_account=trainer@example.iam.gserviceaccount.com",
        "environment.resource_labels={team: land}",
    )
    (pool,) = train_pools(spec)
    assert pool["replica_count"] == 1
    assert pool["machine_spec"] == {
        "machine_type": "n1-highmem-8",
        "accelerator_type": "NVIDIA_TESLA_T4",
        "accelerator_count": 2,
    }
    # The training alone runs in its own image.
    assert pool["container_spec"]["image_uri"] == "earthline:0.1.0-gpu"
    assert executor(spec, "evaluate_model")["image"] == "earthline:0.1.0"
    parameters = spec["components"]["comp-train-model"]["inputDefinitions"]["parameters"]
    assert parameters["service_account"]["defaultValue"] == "trainer@example.iam.gserviceaccount.com"
    labels = {"team": "land", "earthline-workflow": "quickstart"}
    assert parameters["labels"]["defaultValue"] == labels
    assert json.loads(spec["root"]["inputDefinitions"]["parameters"]["resource_labels"]["defaultValue"]) == labels


def test_several_machines_are_a_chief_and_workers_that_begin_anew_together() -> None:
    spec = compiled("train.replicas=3", "train.batch_size=12", "train.machine_type=n1-highmem-8")
    chief, workers = train_pools(spec)
    assert (chief["replica_count"], workers["replica_count"]) == (1, 2)
    assert {key: chief[key] for key in ("machine_spec", "container_spec")} == {
        key: workers[key] for key in ("machine_spec", "container_spec")
    }
    parameters = spec["components"]["comp-train-model"]["inputDefinitions"]["parameters"]
    assert parameters["restart_job_on_worker_restart"]["defaultValue"] is True
    alone = compiled("train.replicas=1")["components"]["comp-train-model"]["inputDefinitions"]["parameters"]
    assert alone["restart_job_on_worker_restart"]["defaultValue"] is False


def test_without_accelerators_none_is_asked_for(spec: dict[str, Any]) -> None:
    assert train_pools(spec)[0]["machine_spec"] == {"machine_type": "n1-standard-8"}


def defaults(spec: dict[str, Any]) -> Iterator[Any]:
    return (each["defaultValue"] for each in spec["root"]["inputDefinitions"]["parameters"].values())


def test_it_needs_nothing_beside_it(spec: dict[str, Any]) -> None:
    assert all(value not in (None, "") for value in defaults(spec))


def task_of(spec: dict[str, Any], step: str) -> dict[str, Any]:
    name = step.replace("_", "-")
    dags = [spec["root"]["dag"], *(each["dag"] for each in spec["components"].values() if "dag" in each)]
    (task,) = (dag["tasks"][name] for dag in dags if name in dag["tasks"])
    assert isinstance(task, dict)
    return task


def test_what_has_effects_outside_is_never_taken_from_the_cache(spec: dict[str, Any]) -> None:
    cached = {step for step in STEPS if task_of(spec, step).get("cachingOptions") == {"enableCache": True}}
    first = {"export_examples", "validate_examples", "train_model", "evaluate_model"}
    assert cached == first | {"prepare_saved_model", "preview_map"}


def test_another_champion_makes_the_cache_forget_the_evaluation(spec: dict[str, Any]) -> None:
    inputs = task_of(spec, "evaluate_model")["inputs"]["parameters"]
    assert inputs["champion"]["componentInputParameter"] == "pipelinechannel--detect-changes-champion"


def test_what_may_be_done_twice_is_tried_again_with_growing_waits(spec: dict[str, Any]) -> None:
    tried = {step: task_of(spec, step).get("retryPolicy", {}).get("maxRetryCount", 0) for step in STEPS}
    assert {step for step, count in tried.items() if not count} == {"train_model", "deploy_model"}
    policy = task_of(spec, "export_examples")["retryPolicy"]
    assert (policy["backoffDuration"], policy["backoffFactor"]) == ("15s", 4.0)
    other = compiled("steps.export_examples.retries=0", "steps.predict_map.retries=3")
    assert "retryPolicy" not in task_of(other, "export_examples")
    assert task_of(other, "predict_map")["retryPolicy"]["maxRetryCount"] == 3


def test_each_step_has_the_machine_of_the_config(spec: dict[str, Any]) -> None:
    def limits(compiled_spec: dict[str, Any], step: str) -> tuple[float, float]:
        resources = executor(compiled_spec, step)["resources"]
        return resources["cpuLimit"], resources["memoryLimit"]

    assert limits(spec, "evaluate_model") == (8.0, 32.0)
    assert {limits(spec, step) for step in STEPS if step not in ("evaluate_model", "train_model")} == {(4.0, 16.0)}
    other = compiled("steps.evaluate_model={cpu: 16, memory: 100G}", "steps.deploy_model.memory=512M")
    assert limits(other, "evaluate_model") == (16.0, 100.0)
    assert limits(other, "deploy_model") == (4.0, 0.512)


def test_dataflow_is_told_who_where_and_under_which_labels() -> None:
    spec = compiled(
        "export.runner=DataflowRunner",
        "environment.service_account=steps@example.iam.gserviceaccount.com",
        "environment.resource_labels={team: land}",
        "environment.dataflow={network: lab, subnetwork: regions/us-central1/subnetworks/a, public_ips: false}",
    )
    told = json.loads(spec["root"]["inputDefinitions"]["parameters"]["dataflow"]["defaultValue"])
    assert told == {
        "sdk_location": "container",
        "service_account_email": "steps@example.iam.gserviceaccount.com",
        "network": "lab",
        "subnetwork": "regions/us-central1/subnetworks/a",
        "no_use_public_ips": True,
        "labels": ["earthline-workflow=quickstart", "team=land"],
        "machine_type": "n1-standard-2",
        "job_name": "quickstart-export-examples",
    }
    own = compiled("export.runner=DataflowRunner", "environment.dataflow.service_account=w@x.iam.gserviceaccount.com")
    told = json.loads(own["root"]["inputDefinitions"]["parameters"]["dataflow"]["defaultValue"])
    assert told["service_account_email"] == "w@x.iam.gserviceaccount.com"
    assert "no_use_public_ips" not in told
