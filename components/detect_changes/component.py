"""The step as KFP sees it."""

from kfp import dsl
from kfp.dsl import Artifact, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def detect_changes(
    name: str,
    data: str,
    export: str,
    train: str,
    evaluate: str,
    serving: str,
    predict: str,
    image: str,
    serving_image: str,
    drift_limit: float,
    psi_limit: float,
    force: bool,
    project: str,
    location: str,
    workflow_label: str,
    endpoint_name: str,
    changes: Output[Artifact],
    fingerprint: dsl.OutputPath(str),
    champion: dsl.OutputPath(str),
    accepted_statistics: dsl.OutputPath(str),
) -> str:
    """Says whether there is reason to retrain: new imagery or labels, another config, drift, or because it is asked to.

    Args:
        name: The workflow's name.
        data: The config's `data` section, as JSON.
        export: The config's `export` section, as JSON.
        train: The config's `train` section, as JSON.
        evaluate: The config's `evaluate` section, as JSON.
        serving: The config's `serving` section, as JSON.
        predict: The config's `predict` section, as JSON.
        image: Container image of the steps.
        serving_image: Container image of the endpoint, where a model needs no TensorFlow there.
        drift_limit: Largest change of a band's mean, in its standard deviations, that is no reason.
        psi_limit: Largest population stability index of a band that is no reason.
        force: Whether the run goes on in any case.
        project: Google Cloud project.
        location: Vertex AI location.
        workflow_label: Vertex AI label that holds the workflow's name.
        endpoint_name: Display name of the endpoint.
        changes: Folder with `changes.json`: the decision, its reasons, and the snapshot that it rests on.
        fingerprint: Changes when imagery or labels do, so that no step takes an outdated result from the cache.
        champion: Resource name and version of the model that serves, or `none`: what a new model is compared with.
        accepted_statistics: The folder where the last accepted run keeps the statistics of its examples; empty
            where there is none, or where its examples come from the same sources and settings.

    Returns:
        `retrain` or `nothing_new`.
    """
    from components.detect_changes.run import run

    sections = {
        "data": data,
        "export": export,
        "train": train,
        "evaluate": evaluate,
        "serving": serving,
        "predict": predict,
        "image": image,
        "serving_image": serving_image,
    }
    return run(
        sections=sections,
        drift_limit=drift_limit,
        psi_limit=psi_limit,
        force=force,
        project=project,
        location=location,
        workflow_label=workflow_label,
        name=name,
        endpoint_name=endpoint_name,
        changes=changes,
        fingerprint=fingerprint,
        champion_file=champion,
        accepted_statistics_file=accepted_statistics,
    )
