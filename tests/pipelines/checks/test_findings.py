"""What of a sound config would fail on Google Cloud, found without asking anybody."""

from pathlib import Path

import pytest

from earthline.config import load
from earthline.finding import Finding
from pipelines.checks.findings import of_config
from pipelines.checks.images import ImageError

ROOT = Path(__file__).parents[3]
IMAGE = "us-central1-docker.pkg.dev/your-project/earthline/earthline:0.1.0"
GPU = ("train.accelerator_type=NVIDIA_TESLA_T4", "train.accelerator_count=1")
NONE = ("train.accelerator_type=null", "train.accelerator_count=0")


def found(*overrides: str) -> dict[str, Finding]:
    given = dict(each.split("=", 1) for each in ("train.image=null", *NONE, *overrides))
    config = load(ROOT / "configs" / "land_cover_vertex.yaml", [f"{key}={value}" for key, value in given.items()])
    return {each.name: each for each in of_config(config)}


def test_processors_need_nothing_said() -> None:
    assert found() == {}


def test_a_schema_of_other_bands_or_classes_is_refused_before_anything_is_exported() -> None:
    config = load(ROOT / "configs" / "land_cover_vertex.yaml")
    bands, share = config.data.imagery.band_names, "{least: 0, most: 1}"
    band = "{data_type: uint16, minimum: 0, maximum: 9}"

    def schema(bands: tuple[str, ...], classes: tuple[str, ...]) -> str:
        held = (", ".join(f"{name}: {one}" for name in names) for names, one in ((bands, band), (classes, share)))
        return "validation.expected={{bands: {{{}}}, labels: {{{}}}}}".format(*held)

    classes = config.data.labels.entries
    assert found(schema(bands, classes)) == found(schema(bands, ())) == {}
    told = found(schema(bands[1:], (*classes[1:], "orchard")))["schema of examples"]
    assert told.passed is False and "its bands are" in told.detail and "orchard, the config's" in told.detail


@pytest.mark.parametrize(
    ("overrides", "passed", "said"),
    [
        (GPU, False, "holds TensorFlow for processors alone"),
        ((*GPU, f"train.image={IMAGE}"), False, "the training asks for 1 NVIDIA_TESLA_T4"),
        ((*GPU, f"train.image={IMAGE}-gpu"), True, "for 1 NVIDIA_TESLA_T4"),
        ((*GPU, f"environment.image={IMAGE}-gpu"), True, "for 1 NVIDIA_TESLA_T4"),
        ((*GPU, f"train.image={IMAGE.partition(':')[0]}@sha256:{'a' * 64}"), None, "not known"),
        ((f"train.image={IMAGE}-gpu",), True, "nothing of it uses a GPU"),
        ((f"train.image={IMAGE}",), True, "for no accelerator"),
    ],
)
def test_the_training_has_an_image_for_its_accelerator(
    overrides: tuple[str, ...], passed: bool | None, said: str
) -> None:
    finding = found(*overrides)["training's image"]
    assert finding.passed is passed
    assert said in finding.detail
    assert ("TENSORFLOW=gpu" in finding.fix) is (passed is False)
    assert "this machine trains" not in finding.fix


def test_on_a_laptop_no_image_gives_an_accelerator() -> None:
    fix = found(*GPU, "environment.target=sandbox")["training's image"].fix
    assert fix.startswith("in the sandbox this machine trains: leave out train.accelerator_type and")


def test_an_image_for_endpoints_is_named_with_what_it_is_for() -> None:
    image = IMAGE.replace("earthline:", "earthline-serving:")
    finding = found(f"environment.serving_image={image}")["endpoint's image"]
    assert finding.passed and finding.detail == f"{image}, where the model needs no TensorFlow to be served"
    with pytest.raises(ImageError, match="does not say which version runs"):
        found(f"environment.serving_image={image.partition(':')[0]}")


def test_what_was_never_run_is_called_so() -> None:
    assert found("export.runner=DataflowRunner")["Dataflow"].passed is None
    assert "not proven" in found("export.runner=DataflowRunner")["Dataflow"].detail
    flink = found("export.runner=FlinkRunner", "export.job_endpoint=flink:8099")["FlinkRunner"]
    assert flink.passed is None and "the job server at flink:8099" in flink.detail


def test_the_shipped_config_has_what_it_asks_for() -> None:
    shipped = list(of_config(load(ROOT / "configs" / "land_cover_vertex.yaml")))
    assert [each.passed for each in shipped] == [True]
