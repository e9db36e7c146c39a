"""`data.examples` in a whole config: where local files are, and which runs can read them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from earthline import config
from earthline.config import Config, ConfigError

LABELS = {
    "feature": "cover",
    "classes": [
        {"name": "dark", "color": "#303030", "values": [3]},
        {"name": "bright", "color": "#f0f0a0", "values": [7]},
    ],
}


def load(folder: Path, examples: dict[str, Any], target: str = "sandbox") -> Config:
    content = {
        "name": "taken",
        "environment": {"target": target},
        "data": {
            "imagery": {"image": "projects/p/assets/image", "bands": ["red"], "data_type": "uint16"},
            "labels": LABELS,
            "examples": examples,
        },
    }
    if target == "cloud":
        image = "europe-docker.pkg.dev/p/r/earthline:1"
        content["environment"] = {"target": target, "project": "my-project", "bucket": "my-bucket", "image": image}
    path = folder / "taken.yaml"
    path.write_text(yaml.safe_dump(content))
    return config.load(path)


def test_local_names_are_beside_the_config_and_stay_where_they_are(tmp_path: Path) -> None:
    files = ["gs://b/x*", "shards/*.gz", "../other.gz", str(tmp_path / "absolute")]
    settings = load(tmp_path, {"files": files, "split": {"by": "mixer", "mixer": "scene-mixer.json"}})
    section = settings.data.examples
    assert section is not None and section.split is not None
    assert section.files == (
        "gs://b/x*",
        str(tmp_path / "shards" / "*.gz"),
        str(tmp_path.parent / "other.gz"),
        str(tmp_path / "absolute"),
    )
    assert section.split.mixer == str(tmp_path / "scene-mixer.json")
    assert config.Data.model_validate_json(settings.data.model_dump_json()) == settings.data


def test_a_run_on_google_cloud_refuses_files_of_this_machine(tmp_path: Path) -> None:
    files = {"files": ["gs://b/x*"], "split": {"by": "file"}}
    assert load(tmp_path, files, "cloud").data.examples is not None
    with pytest.raises(ConfigError, match=r"data\.examples: .*/x\.gz is on this machine.* gs://my-bucket/examples/"):
        load(tmp_path, {**files, "files": ["x.gz"]}, "cloud")


def test_labels_lie_on_their_pixels(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="labels of examples lie on their pixels already"):
        config.Data.model_validate(
            {
                "imagery": {"image": "projects/p/assets/image", "bands": ["red"]},
                "labels": {**LABELS, "offset": [1, 0]},
                "examples": {"files": ["x"], "split": {"by": "file"}},
            }
        )
