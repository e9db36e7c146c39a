"""Maps of images by the command itself: by a model's folder, by an endpoint, and as Earth Engine makes them."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest
import rasterio
import rasterio.shutil

from cli.app import main
from components.prepare_saved_model import export
from earthline.formats import tensors
from earthline.formats.served.contract import VALID_BAND
from earthline.formats.served.outputs import ServedOutput, derived
from earthline.formats.served.references import Reference
from tests.conftest import Sandbox
from tests.earthline.local_map.files import CORNER, SCALE, write
from tests.earthline.local_map.models import NAMES, contract

from ..conftest import Shell

BANDS = ("a", "b")
COLORS = ("#2b8cbe", "#1b7837", "#d7301f")
SHAPE = (150, 210)
ROW, COLUMN = 13, 27
"""Where the scene begins on the pixels that the model learned from: in the middle of a tile, out of step with it."""
ASSET = "projects/sandbox/assets/predict_here"
OUTPUTS = (
    ServedOutput(name="class_id", type="uint8", made="most_probable", used=3),
    ServedOutput(name="margin", made="margin", used=3),
)
TOLD = contract(tile_shape=(32, 48), overlap=(8, 12), outputs=OUTPUTS, colors=COLORS, max_payload_bytes=45_000)
"""Of whose tiles a request holds one."""
DATA = {
    "imagery": {"image": ASSET, "bands": list(BANDS), "data_type": "float32"},
    "labels": {
        "image": ASSET,
        "band": "a",
        "classes": [
            {"name": name, "color": color, "values": [place]}
            for place, (name, color) in enumerate(zip(NAMES, COLORS, strict=True))
        ],
    },
}
STEPS = """
import json, sys
import ee, numpy as np
from google.cloud import aiplatform
from earthline.config import Data
from earthline.earth_engine import ee_model, imagery
from earthline.earth_engine.connection import connect
from earthline.earth_engine.predictions import Predictions
from earthline.formats.served.contract import Contract
from earthline.grid import Grid
from earthline.task import task_of
from pathlib import Path
case = json.load(open(sys.argv[1]))
connect("sandbox", 4)
aiplatform.init(project="sandbox", location="us-central1")
model = aiplatform.Model.upload(
    display_name="predict-here", artifact_uri=case["uri"], serving_container_image_uri="test:1",
    serving_container_command=["python3", "-m", "serving"], serving_container_ports=[8080],
    serving_container_predict_route="/predict", serving_container_health_route="/health")
endpoint = aiplatform.Endpoint.create(display_name="predict-here")
endpoint.deploy(model, machine_type="n1-standard-4")
contract, data = Contract.read(Path(case["model"])), Data.model_validate(case["data"])
taken = imagery.network_input(data)
described = ee_model.arguments(endpoint.resource_name, contract, Grid.from_json(contract.learned_ground.grid))
given = Predictions.of(ee_model.build(described), taken, contract.outputs)
image = task_of(data).unmasked(ee_model.mapped(given, taken, task_of(data)))
image = image.addBands(given.band("margin").unmask(-9999, False))
grid = Grid.from_json(case["grid"])
found = ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid.to_request()})
np.savez(case["found"], **{name: found[name] for name in found.dtype.names})
print("ENDPOINT", endpoint.resource_name)
"""


def scene(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """float32 (bands, rows, columns), NaN where there is no imagery: holes, a crooked edge, tiles that are empty."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    image = np.random.default_rng(7).normal(0, 1, (2, *shape)).astype(np.float32)
    image += np.sin(rows / 9) + np.cos(columns / 11)
    image[0][(rows - 40) ** 2 + (columns - 60) ** 2 < 200] = np.nan
    image[1, 90:93, 20:160] = np.nan
    image[:, columns > shape[1] - 70 + 20 * np.sin(rows / 15)] = np.nan
    return image


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared network that pools, so that tiles out of step with its stride show."""
    keras.utils.set_random_seed(3)
    image, valid = keras.Input((None, None, 2)), keras.Input((None, None, 1))
    joined = keras.layers.Concatenate()([image, valid])
    fine = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(joined)
    coarse = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(keras.layers.MaxPooling2D()(fine))
    both = keras.layers.Concatenate()([fine, keras.layers.UpSampling2D()(coarse)])
    network = keras.Model([image, valid], keras.layers.Conv2D(3, 1, activation="softmax")(both))
    folder = tmp_path_factory.mktemp("prepared")
    told = TOLD.model_copy(update={"arguments": export.arguments((*BANDS, VALID_BAND))})
    export.save(network, told, folder)
    told.write(folder)
    return folder


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("image") / "scene.tif"
    return write(path, scene(), BANDS, row=ROW, column=COLUMN, nodata=np.nan)


def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: Any
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `earthline predict`."""
    monkeypatch.setattr(sys, "argv", ["earthline", "predict", *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main()
    written = capsys.readouterr()
    return int(caught.value.code or 0), written.out, written.err


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_the_map_is_that_of_predict_image_by_the_model_and_by_its_endpoint(
    saved: Path,
    image: str,
    sandbox: Sandbox,
    shell: Shell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sandbox.command("add", ASSET, image, "--bands", ",".join(BANDS))
    stored = sandbox.home / "storage" / "earthline-sandbox" / "predict-here"
    shutil.copytree(saved, stored)
    left, top = CORNER[0] + SCALE * COLUMN, CORNER[1] - SCALE * ROW
    case = {
        "uri": "gs://earthline-sandbox/predict-here",
        "model": str(saved),
        "data": DATA,
        "grid": {"crs": "EPSG:32632", "transform": [SCALE, 0, left, 0, -SCALE, top], "shape": SHAPE},
        "found": str(tmp_path / "found.npz"),
    }
    (tmp_path / "case.json").write_text(json.dumps(case))
    done = sandbox.run([sys.executable, "-c", STEPS, str(tmp_path / "case.json")], timeout=200)
    endpoint = done.stdout.split("ENDPOINT ")[1].strip()
    with np.load(case["found"]) as arrays:
        wanted = {name: arrays[name] for name in arrays.files}
    valid = np.isfinite(scene()).all(axis=0)
    assert (wanted["class_id"][valid] < 3).all() and (wanted["class_id"][~valid] == 255).all()
    assert len(np.unique(wanted["class_id"])) > 2, "a map of one class would show no seam"

    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"name": "predict-here", "environment": {"target": "sandbox"}, "data": DATA}))
    asked = ("predict", image, "--bands", "margin", "--config", str(config))
    ways = {
        "folder": lambda path: called(monkeypatch, capsys, *asked[1:], "--model", saved, "-o", path),
        "bucket": lambda path: shell.earthline(*asked, "--endpoint", endpoint, "--model", case["uri"], "-o", path),
        "endpoint": lambda path: shell.earthline(*asked, "--endpoint", endpoint, "-o", path),
    }
    for name, call in ways.items():
        path = tmp_path / name / "map.tif"
        code, _, said = call(str(path))
        assert code == 0, said
        with rasterio.open(path) as file:
            np.testing.assert_array_equal(file.read(1), wanted["class_id"], err_msg=name)
        with rasterio.open(path.with_name("map_confidence.tif")) as file:
            found = file.read(1)
            np.testing.assert_allclose(found[valid], wanted["margin"][valid], atol=1e-5, err_msg=name)
            assert (found[~valid] == -9999).all()


def test_files_look_like_those_of_a_run(
    saved: Path, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "map.tif"
    code, out, said = called(monkeypatch, capsys, image, "--model", saved, "-o", output, "--png", "--bands", "margin")
    assert code == 0, said
    assert out.splitlines() == [
        f"map: {output}",
        f"picture: {output.with_suffix('.png')}",
        f"confidence: {output.with_name('map_confidence.tif')}",
    ]
    assert "bands by name: a = 1, b = 2" in said and "150 x 210 pixels" in said
    with rasterio.open(output) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG" and file.compression.name == "deflate"
        assert file.nodata == 255 and file.descriptions == ("class_id",)
        assert file.colormap(1)[2] == (0xD7, 0x30, 0x1F, 255)
        assert [file.tags()[f"class_{place}"] for place in range(3)] == list(NAMES)
        with rasterio.open(image) as source:
            assert (file.crs, file.transform, file.shape) == (source.crs, source.transform, source.shape)
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert not output.with_name("map.tif.part").exists()

    # Parts of the image, one after the other and with overlap, are the image.
    values = scene()
    parts = [
        write(tmp_path / "1.tif", values[:, :80], BANDS, row=ROW, column=COLUMN, nodata=np.nan),
        write(tmp_path / "2.tif", values[::-1, 70:], BANDS[::-1], row=ROW + 70, column=COLUMN, nodata=np.nan),
    ]
    code, _, said = called(monkeypatch, capsys, *parts, "--model", saved, "-o", tmp_path / "parts.tif")
    assert code == 0, said
    with rasterio.open(output) as file, rasterio.open(tmp_path / "parts.tif") as other:
        np.testing.assert_array_equal(other.read(1), file.read(1))


class Answering:
    """A server that predicts by arithmetic, in a thread of this process; it can be stopped in the middle."""

    def __init__(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(TOLD.model_dump_json().encode() if self.path == "/contract" else b"{}")

            def do_POST(self) -> None:
                instances = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
                with server.lock:
                    server.tiles += len(instances)
                    server.asked.append(len(instances))
                time.sleep(server.seconds)
                self._send(json.dumps({"predictions": [answer(each) for each in instances]}).encode())

            def _send(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.lock, self.tiles, self.seconds = threading.Lock(), 0, 0.0
        self.asked: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # A command that is killed leaves requests without anybody to answer.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def answer(instance: dict[str, str]) -> dict[str, str]:
    """Outputs of a model that looks at the 5 x 5 pixels around, valid ones alone."""
    a, b, valid = (tensors.decode(instance[name], 10**6)[..., 0] for name in (*BANDS, VALID_BAND))
    padded = np.pad(np.where(valid > 0, a - b, 0), 2)
    total = sum(padded[r : r + a.shape[0], c : c + a.shape[1]] for r in range(5) for c in range(5))
    entries = np.stack([total, -total, np.full_like(total, 3)], axis=-1)
    entries = np.exp(entries - entries.max(axis=-1, keepdims=True))
    values = (entries / entries.sum(axis=-1, keepdims=True)).astype(np.float32)
    return {name: tensors.encode(array) for name, array in derived(values, TOLD).items()}


@pytest.fixture
def server() -> Iterator[Answering]:
    running = Answering()
    yield running
    running.close()


def test_a_killed_command_goes_on_and_gives_the_same_bytes(
    server: Answering, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tmp_path / "whole.tif"
    # The server tells its contract.
    arguments = (image, "--endpoint", server.address, "--bands", "margin", "--concurrency", "2")
    code, _, said = called(monkeypatch, capsys, *arguments, "-o", whole)
    assert code == 0, said
    every = server.tiles

    output = tmp_path / "killed" / "whole.tif"
    journal = output.with_name("whole.tif.part") / "journal"
    server.seconds = 0.4
    command = [sys.executable, "-m", "cli", "predict", *arguments, "-o", str(output)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (not journal.exists() or journal.read_bytes().count(b"\n") < 3):
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    assert not output.exists() and journal.read_bytes().count(b"\n") >= 3
    server.seconds = 0
    # Other options would be another map.
    code, _, said = called(monkeypatch, capsys, *arguments[:3], "-o", output)
    assert code == 2 and "holds an unfinished map of other images, another model or other options" in said
    assert server.tiles - every < every
    before = server.tiles
    code, _, said = called(monkeypatch, capsys, *arguments, "-o", output)
    assert code == 0 and "going on: " in said and said.rstrip().endswith("writing the files"), said
    assert 0 < server.tiles - before < every
    for name in ("whole.tif", "whole_confidence.tif"):
        assert digest(output.with_name(name)) == digest(whole.with_name(name)), name
    assert sorted(path.name for path in output.parent.iterdir()) == ["whole.tif", "whole_confidence.tif"]

    code, _, said = called(monkeypatch, capsys, *arguments, "-o", output)
    assert code == 2 and "is there already; --force writes over it" in said


def test_an_endpoint_that_refuses_ends_the_command_with_what_is_done(
    server: Answering, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = tmp_path / "other"
    told.mkdir()
    # The contract of another model: what the server answers is none of its outputs.
    outputs = (
        ServedOutput(name="class_id", type="uint8", made="most_probable", used=3),
        ServedOutput(name="third", first=2),
    )
    contract(tile_shape=(32, 48), overlap=(8, 12), outputs=outputs).write(told)
    output = tmp_path / "map.tif"
    code, _, said = called(monkeypatch, capsys, image, "--endpoint", server.address, "--model", told, "-o", output)
    assert code == 1 and "gives no text 'third'" in said and "another model answers" in said
    assert f"kept in {output}.part: start the same command again" in said and not output.exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "name a model by --model, or an endpoint by --endpoint"),
        (("--model", "nowhere"), "--model nowhere is no folder, no gs:// address, and no run"),
        (("--model", "."), "holds no contract.json: name the folder that the step prepare_saved_model wrote"),
        (("--endpoint", "ftp://x"), "ftp://x is no address"),
        (("--endpoint", "123"), "projects/PROJECT/locations/LOCATION/endpoints/ID, or --config CONFIG"),
        (("--model", "SAVED", "--input", "a"), "'a' is not BAND=NUMBER"),
        (("--model", "SAVED", "--input", "c=1"), "the model takes no band c; it takes a, b"),
        (("--model", "SAVED", "--bands", "q0.9"), "the model gives no such band; it gives probability, margin"),
        (("--model", "SAVED", "-o", "x.png"), "does not end with .tif"),
        (("--model", "SAVED", "-o", "IMAGE", "--force"), "scene.tif is one of the images; name another file"),
        (("--model", "SAVED", "-o", "gs://bucket/x.tif"), "lies in a bucket; write to this machine"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_written(
    options: tuple[str, ...],
    problem: str,
    saved: Path,
    image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [{"SAVED": str(saved), "IMAGE": image}.get(option, option) for option in options]
    output = () if "-o" in options else ("-o", "map.tif")
    code, out, said = called(monkeypatch, capsys, image, *output, *given)
    assert (code, out) == (2, "")
    assert problem in " ".join(said.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_values_in_other_units_are_said(
    saved: Path, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(saved, tmp_path / "model")
    tiles = np.random.default_rng(0).uniform(500, 3000, (1, 8, 8, 2)).astype(np.float32)
    tiles[..., 1] = tiles[..., 1] / 1000 - 1.5
    Reference(tiles, np.ones((1, 8, 8), np.float32), np.zeros((1, 8, 8, 3), np.float32)).write(folder)
    code, _, said = called(monkeypatch, capsys, image, "--model", folder, "-o", tmp_path / "map.tif", "--any-scale")
    assert code == 0
    (note,) = [line for line in said.splitlines() if "in the same units?" in line]
    assert "proved on: a has values from -" in note and "there 5" in note


def test_a_map_without_any_imagery_is_refused(
    server: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "x.tif", np.full((2, 40, 40), np.nan, np.float32), BANDS, nodata=np.nan)
    code, _, said = called(monkeypatch, capsys, path, "--endpoint", server.address, "-o", tmp_path / "map.tif")
    assert code == 1 and "every pixel of the map is masked" in said
    # What is left of it would be of no use to the next command.
    assert server.tiles == 0 and [each.name for each in tmp_path.iterdir()] == ["x.tif"]


def test_a_file_that_has_no_room_is_an_error_and_the_work_is_kept(
    server: Answering, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "map.tif"
    arguments = (image, "--endpoint", server.address, "-o", output)
    copy = rasterio.shutil.copy

    def cut(source: Path, target: Path, **options: Any) -> None:
        """As GDAL does it on a full disk: without a word."""
        copy(source, target, **options)
        os.truncate(target, target.stat().st_size // 2)

    with monkeypatch.context() as patch:
        patch.setattr(rasterio.shutil, "copy", cut)
        code, _, said = called(monkeypatch, capsys, *arguments)
    assert code == 1 and "could not be written whole" in said and f"kept in {output}.part: start" in said
    assert not output.exists()
    assert not list(Path(f"{output}.part").glob("*.tif")), "they take the room that is lacking"
    asked = server.tiles
    code, _, said = called(monkeypatch, capsys, *arguments)
    assert code == 0 and "groups of tiles are done" in said and server.tiles == asked, said
