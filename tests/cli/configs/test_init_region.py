"""Where `earthline init` works: the box around the labels is proposed, and outlines with many corners are taken."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cli.app import main
from earthline import config

SEASON = ("--ready", "sentinel2", "--start", "2021-04-01", "--end", "2021-10-01")
LABELS = ("--labels-file", "fields.geojson", "--field", "crop")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty fields of two crops with 400 corners each, and one without a crop far away."""
    monkeypatch.chdir(tmp_path)
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    features = []
    for number in range(20):
        rings = np.column_stack([11.2341 + 0.01 * number + 0.004 * np.cos(angles), 45.5 + 0.004 * np.sin(angles)])
        features.append((rings, ("maize", "wheat")[number % 2]))
    features.append((features[0][0] + 3, None))
    (tmp_path / "fields.geojson").write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "properties": {"crop": crop},
                        "geometry": {"type": "Polygon", "coordinates": [[*ring.tolist(), ring[0].tolist()]]},
                    }
                    for ring, crop in features
                ],
            }
        )
    )
    return tmp_path


def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["earthline", "init", "crops.yaml", "--offline", *arguments])
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    read = capsys.readouterr()
    return code, read.out + read.err


def test_whoever_names_no_region_is_told_where_the_labels_lie(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = called(monkeypatch, capsys, *SEASON, *LABELS)
    assert code == 2
    told = "all labels lie within --region "
    assert told in said, said
    box = said.partition(told)[2].split()[0]
    west, south, east, north = map(float, box.split(","))
    assert (
        11.229 < west <= 11.2301 and 45.495 < south <= 45.496 and 11.4281 <= east < 11.43 and 45.504 <= north < 45.506
    )
    code, said = called(monkeypatch, capsys, *SEASON, *LABELS, "--region", box)
    assert code == 0, said
    assert config.load(folder / "crops.yaml").data.region.west == west
    # Without a column nobody knows which features are labels.
    assert told not in called(monkeypatch, capsys, *SEASON, *LABELS[:2], "--force")[1]


def test_an_outline_with_many_corners_is_simplified_and_one_of_the_labels_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = called(monkeypatch, capsys, *SEASON, *LABELS, "--region", "fields.geojson")
    assert code == 0, said
    assert "  region: {file: fields.geojson, simplify: 1}" in (folder / "crops.yaml").read_text()
    assert config.load(folder / "crops.yaml").data.region.geometry is not None
    assert "fields.geojson has many corners, and may move by 1 m" in said
    told = "nothing but the labels is mapped; to map all around them: all labels lie within --region "
    assert f"{told}11.23,45.496,11.429,45.504" in said


def test_a_label_far_from_all_others_does_not_stretch_the_box_and_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{11.2 + place / 100},{45.5 + place / 300},{('maize', 'wheat')[place % 2]}" for place in range(5)]
    (folder / "points.csv").write_text("\n".join(["lon,lat,crop", *lines, "0,0,maize"]))
    points = ("--labels-file", "points.csv", "--field", "crop")
    assert (
        "--region 11.2,45.5,11.24,45.514 but those far from all others, at (0, 0)"
        in called(monkeypatch, capsys, *SEASON, *points)[1]
    )
    # With more labels, a slip of any other kind is seen as well.
    lines = [f"{11.2 + place / 1000},{45.5 + place / 3000},maize" for place in range(40)]
    (folder / "points.csv").write_text("\n".join(["lon,lat,crop", *lines, "45.5,11.2,maize"]))
    said = called(monkeypatch, capsys, *SEASON, *points)[1]
    assert "--region 11.2,45.5,11.239,45.513 but those far from all others, at (45.5, 11.2)" in said
    # Near (0, 0) there is ground too.
    (folder / "points.csv").write_text("lon,lat,crop\n0,0,maize\n0.1,0.1,wheat\n0.2,0.1,wheat\n")
    assert "within --region 0.1,0.1,0.2,0.1 but" in called(monkeypatch, capsys, *SEASON, *points)[1]
