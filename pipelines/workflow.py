"""The pipeline: which step follows which, and what each is given.

Every step gets only the sections of the config that it reads, as JSON, so that a change of `train.epochs` leaves the
export's cache valid. The config's values are the defaults of the pipeline's parameters: the compiled YAML needs
nothing beside it.

A new step is a folder of `components` and one call of `step` below. What it declares (earthline.config.step) is all
that is known of it: its key in the config, its machine, whether it is cached, and what is copied when a run has ended.
"""

import json
from collections.abc import Callable
from functools import partial
from pkgutil import resolve_name
from typing import Any

import yaml
from google.protobuf import json_format
from google_cloud_pipeline_components.v1.custom_job import create_custom_training_job_from_component
from kfp import components, dsl

from components.detect_changes.changes import RETRAIN
from earthline.config import Config, Step
from earthline.config.machines import BACK_OFF_FACTOR, BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS
from earthline.config.step import declared, places
from earthline.formats.evaluations import BLESSED, NO_EXPERIMENT, REJECTED
from pipelines.dataflow import beam_options
from pipelines.resource_labels import WORKFLOW_LABEL
from pipelines.resource_labels import resource_labels as labels_of

ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "1"}
"""Variables of every step: TensorFlow tells of the processor's instructions as soon as it is imported, and the last
line of a step is shown beside it while it runs. Warnings and errors it tells all the same."""


def build(config: Config, *, probes: bool = False) -> Any:
    """The workflow as a KFP pipeline.

    Args:
        config: The workflow's config; its values become the defaults of the pipeline's parameters.
        probes: Whether it has the steps that a canary alone runs.

    Returns:
        A `kfp.dsl.graph_component.GraphComponent`.
    """
    environment = config.environment
    image = environment.image
    train_job = _train_job(config)
    step = partial(_step, config=config)

    def workflow(
        name: str = config.name,
        data: str = config.data.model_dump_json(),
        export: str = config.export.model_dump_json(),
        validation: str = config.validation.model_dump_json(),
        train: str = config.train.model_dump_json(),
        evaluate: str = config.evaluate.model_dump_json(),
        serving: str = config.settled_serving.model_dump_json(),
        predict: str = config.predict.model_dump_json(),
        resource_labels: str = json.dumps(labels_of(config), sort_keys=True),
        image_uri: str = image,
        serving_image: str = environment.serving_image or image,
        project: str = environment.project,
        location: str = environment.location,
        experiment: str = environment.experiment or NO_EXPERIMENT,
        endpoint_name: str = config.endpoint_name,
        temp_location: str = f"gs://{environment.bucket}/temp",
        dataflow: str = json.dumps(beam_options(config), sort_keys=True),
        drift_limit: float = config.schedule.drift_limit,
        psi_limit: float = config.schedule.psi_limit,
        force: bool = False,
    ) -> None:
        detected = step("detect_changes")(
            name=name,
            data=data,
            export=export,
            train=train,
            evaluate=evaluate,
            serving=serving,
            predict=predict,
            image=image_uri,
            serving_image=serving_image,
            drift_limit=drift_limit,
            psi_limit=psi_limit,
            force=force,
            project=project,
            location=location,
            workflow_label=WORKFLOW_LABEL,
            endpoint_name=endpoint_name,
        )
        if probes:
            step("probe_mount")()
        with dsl.If(detected.outputs["Output"] == RETRAIN, name="retrain"):
            exported = step("export_examples")(
                data=data,
                export=export,
                project=project,
                temp_location=temp_location,
                location=location,
                image=image_uri,
                dataflow=dataflow,
                sources=detected.outputs["fingerprint"],
            )
            examples = exported.outputs["examples"]
            validated = step("validate_examples")(
                data=data,
                validation=validation,
                project=project,
                examples=examples,
                accepted_statistics=detected.outputs["accepted_statistics"],
            )
            trained = train_job(data=data, train=train, examples=examples).after(validated)
            model = trained.outputs["model"]
            evaluated = step("evaluate_model")(
                data=data,
                evaluate=evaluate,
                project=project,
                location=location,
                champion=detected.outputs["champion"],
                experiment=experiment,
                examples=examples,
                model=model,
            )
            evaluation = evaluated.outputs["evaluation"]
            with dsl.If(evaluated.outputs["Output"] == BLESSED, name="blessed"):
                prepared = step("prepare_saved_model")(
                    data=data,
                    serving=serving,
                    image=image_uri,
                    serving_image=serving_image,
                    examples=examples,
                    model=model,
                )
                deployed = step("deploy_model")(
                    name=name,
                    serving=serving,
                    resource_labels=resource_labels,
                    project=project,
                    location=location,
                    endpoint_name=endpoint_name,
                    prepared=prepared.outputs["prepared"],
                    evaluation=evaluation,
                )
                registered = step("register_ee_model")(
                    name=name,
                    data=data,
                    serving=serving,
                    project=project,
                    location=location,
                    prepared=prepared.outputs["prepared"],
                    vertex_endpoint=deployed.outputs["vertex_endpoint"],
                )
                step("predict_map")(
                    name=name,
                    data=data,
                    predict=predict,
                    project=project,
                    registration=registered.outputs["registration"],
                    examples=examples,
                    model=model,
                    evaluation=evaluation,
                )
            with dsl.If(evaluated.outputs["Output"] == REJECTED, name="rejected"):
                step("preview_map")(
                    name=name,
                    data=data,
                    predict=predict,
                    project=project,
                    examples=examples,
                    model=model,
                    evaluation=evaluation,
                )

    description = f"Earthline workflow {config.name}: imagery in, a map out."
    return dsl.pipeline(name=config.name, description=description)(workflow)


def _step(name: str, config: Config) -> Callable[..., Any]:
    """A step's component, whose tasks run as the step declares and on the machine that the config gives them."""
    component = _component(name)

    def place(**inputs: Any) -> Any:
        task, machine = component(**inputs), config.steps.of(name)
        task.set_container_image(config.environment.image)
        task.set_cpu_limit(str(machine.cpu))
        task.set_memory_limit(machine.memory)
        for variable, value in ENVIRONMENT.items():
            task.set_env_variable(variable, value)
        if not declared()[name].cached:
            # Its effects lie outside the pipeline, where the cache does not see that somebody undid them.
            task.set_caching_options(False)
        if isinstance(machine, Step) and machine.retries:
            task.set_retry(
                num_retries=machine.retries,
                backoff_duration=f"{BACK_OFF_SECONDS}s",
                backoff_factor=BACK_OFF_FACTOR,
                backoff_max_duration=f"{LONGEST_BACK_OFF_SECONDS}s",
            )
        return task

    return place


def _component(name: str) -> Any:
    """A step's KFP component: the function with the step's name in its `component.py`."""
    return resolve_name(f"{places()[name]}.component:{name}")


def _train_job(config: Config) -> Any:
    """train_model as a Vertex AI custom job of the config's machines.

    Its task has no retry: Vertex AI itself starts a job anew whose machine is lost, and the trainer then goes on from
    its checkpoint, while another job would begin, and cost, from the start.
    """
    train = config.train
    return create_custom_training_job_from_component(
        _with_image(_component("train_model"), config.train_image),
        display_name=f"{config.name}-train-model",
        machine_type=train.machine_type,
        accelerator_type=train.accelerator_type or "",
        accelerator_count=train.accelerator_count,
        replica_count=train.replicas,
        # TensorFlow's machines cannot take one of them back: all begin anew, from the checkpoint.
        restart_job_on_worker_restart=train.replicas > 1,
        service_account=config.environment.service_account or "",
        labels=labels_of(config),
        env=[{"name": variable, "value": value} for variable, value in ENVIRONMENT.items()],
    )


def _with_image(component: Any, image: str) -> Any:
    """A copy of a component that runs in another image.

    The wrapper copies the image into its worker pools when it is called, before any task exists on which
    `set_container_image` could be.
    """
    spec = json_format.MessageToDict(component.pipeline_spec)
    for executor in spec["deploymentSpec"]["executors"].values():
        executor["container"]["image"] = image
    return components.load_component_from_text(yaml.safe_dump(spec))
