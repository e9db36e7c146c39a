"""What can be found in a config without any request."""

from collections.abc import Iterator

from earthline.config import Config
from earthline.finding import Finding
from earthline.task import task_of_labels
from pipelines import dataflow
from pipelines.checks.images import ImageReference

GPU_SUFFIX = "-gpu"
"""Ends the tag of an image whose TensorFlow uses GPUs, and of no other: containers/build.py sees to it."""


def of_config(config: Config) -> Iterator[Finding]:
    """Settings of a valid config that will fail in a run, or were never tried on Google Cloud.

    Args:
        config: The workflow's config.

    Raises:
        ImageError: `train.image` or `environment.serving_image` names no image.
    """
    yield from _schema_of_examples(config)
    if config.train.image is not None or config.train.accelerator_type is not None:
        yield _training_image(config)
    if config.environment.serving_image is not None:
        image = config.environment.serving_image
        ImageReference.parse(image)
        yield Finding("endpoint's image", True, f"{image}, where the model needs no TensorFlow to be served")
    if config.export.runner == dataflow.NAME:
        yield Finding(
            "Dataflow",
            None,
            "not proven: no worker of this image was started by Beam's own starter on Dataflow yet; DirectRunner is "
            "what was run",
        )
    elif config.export.job_endpoint is not None:
        yield Finding(
            config.export.runner,
            None,
            "not proven: what was run is Beam's own job server; the job server at "
            f"{config.export.job_endpoint} must be reached from the machine that runs the step",
        )


def _schema_of_examples(config: Config) -> Iterator[Finding]:
    """Whether the schema is of these bands and labels: the run would find out after its export."""
    expected = config.validation.expected
    if expected is None:
        return
    apart = []
    for what, there, asked in (
        ("bands", expected.bands, config.data.imagery.band_names),
        ("labels", expected.labels, task_of_labels(config.data.labels).strata),
    ):
        # A schema may leave its labels out, and then expects nothing of them.
        if there and set(there) != set(asked):
            apart.append(f"its {what} are {', '.join(there)}, the config's {', '.join(asked)}")
    if apart:
        yield Finding(
            "schema of examples",
            False,
            "; ".join(apart),
            "correct them in the schema, or leave out validation.schema_file and keep what the next run proposes",
        )


def _on_this_machine(config: Config) -> str:
    """What to do where an image cannot give an accelerator: in the sandbox this machine trains."""
    if config.environment.target != "sandbox":
        return ""
    return (
        "in the sandbox this machine trains: leave out train.accelerator_type and train.accelerator_count, or give "
        "them by --set where you run on Google Cloud. There: "
    )


def _training_image(config: Config) -> Finding:
    name, text = "training's image", config.train_image
    image, accelerator = ImageReference.parse(text), config.train.accelerator_type
    asked = f"{config.train.accelerator_count} {accelerator}" if accelerator else "no accelerator"
    if not image.tag:
        return Finding(name, None, f"not known: a digest does not say whether {text} has TensorFlow for {asked}")
    if accelerator and not image.tag.endswith(GPU_SUFFIX):
        return Finding(
            name,
            False,
            f"{text} holds TensorFlow for processors alone (its tag does not end with {GPU_SUFFIX}), the training asks "
            f"for {asked}",
            _on_this_machine(config)
            + f"make image IMAGE={text}{GPU_SUFFIX} BUILD_FLAGS='--build-arg TENSORFLOW=gpu' && docker push "
            f"{text}{GPU_SUFFIX}, and set train.image to it",
        )
    if not accelerator and image.tag.endswith(GPU_SUFFIX):
        return Finding(name, True, f"{text}: it works, though nothing of it uses a GPU where no accelerator is given")
    return Finding(name, True, f"{text} for {asked}")
