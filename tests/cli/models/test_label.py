"""`earthline label next`, as a user types it."""

from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from cli.app import app
from tests.earthline.field_points.test_points import rasters


def test_places_are_written_beside_the_map_or_what_is_missing_is_told(tmp_path: Path) -> None:
    rasters(tmp_path, margin=np.random.default_rng(1).random((30, 40)))
    done = CliRunner().invoke(app, ["label", "next", "12", str(tmp_path), "--seed", "3"])
    assert done.exit_code == 0, done.output
    assert "12 places, those that need a label most first" in done.output
    assert (tmp_path / "points.geojson").is_file() and len((tmp_path / "points.csv").read_text().splitlines()) == 13
    refused = CliRunner().invoke(app, ["label", "next", "12", str(tmp_path / "none")])
    assert refused.exit_code == 2 and "predict.bands" in refused.output
