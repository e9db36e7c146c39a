import base64
import gzip
import importlib.util
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import keras
import numpy as np
import pytest
import tensorflow as tf

from earthline.formats.served.contract import Contract
from earthline.storage import folders
from serving.settings import Settings, SettingsError
from serving.storage import StorageError, local_folder

RANDOM = np.random.default_rng(1)


def text(values: np.ndarray) -> str:
    return base64.urlsafe_b64encode(tf.io.serialize_tensor(values).numpy()).decode()


def tile(height: int = 6, width: int = 7) -> np.ndarray:
    return RANDOM.normal(size=(height, width, 2)).astype(np.float32)


def instance(values: np.ndarray, valid: np.ndarray | None = None) -> dict[str, str]:
    valid = np.ones((*values.shape[:2], 1), np.float32) if valid is None else valid
    return {"red": text(values[..., :1]), "0_nir": text(values[..., 1:]), "earthline_valid": text(valid)}


def given(network: keras.Model, values: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """What the trained model gives for one tile."""
    valid = np.ones((*values.shape[:2], 1), np.float32) if valid is None else valid
    return np.asarray(network([values[np.newaxis], valid[np.newaxis]]))[0]


def post(server: Any, content: Any) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return httpx.post(f"{server.url}/predict", content=body, trust_env=False, timeout=60)


def test_health_means_that_the_model_is_loaded(server: Any) -> None:
    response = httpx.get(f"{server.url}/health", trust_env=False)
    assert response.status_code == 200 and response.json() == {"status": "ready"}


def test_the_contract_is_told_to_who_reaches_the_server_itself(server: Any, saved_model: Path) -> None:
    response = httpx.get(f"{server.url}/contract", trust_env=False)
    assert response.status_code == 200 and Contract.model_validate_json(response.content) == Contract.read(saved_model)


def test_predictions_are_those_of_the_model(server: Any, network: keras.Model) -> None:
    tiles = [tile(6, 8), tile(4, 2), tile(6, 8)]
    response = post(server, {"instances": [instance(each) for each in tiles], "parameters": {}})
    assert response.status_code == 200, response.text
    predictions = response.json()["predictions"]
    assert len(predictions) == 3
    for values, prediction in zip(tiles, predictions, strict=True):
        assert set(prediction) == {"probabilities"}
        found = tf.io.parse_tensor(tf.io.decode_base64(prediction["probabilities"]), tf.float32)
        np.testing.assert_allclose(found, given(network, values), atol=1e-5)


def test_the_order_of_bands_in_a_request_does_not_matter(server: Any) -> None:
    values = instance(tile())
    turned = dict(reversed(values.items()))
    assert post(server, {"instances": [values]}).json() == post(server, {"instances": [turned]}).json()


def test_any_tile_size_comes_back_in_its_own_size(server: Any) -> None:
    for shape in ((1, 1), (5, 3), (9, 2)):
        answer = post(server, {"instances": [instance(tile(*shape))]}).json()["predictions"][0]
        found = tf.io.parse_tensor(tf.io.decode_base64(answer["probabilities"]), tf.float32)
        assert found.shape == (*shape, 3)


def test_what_lies_under_the_mask_or_is_no_number_changes_nothing(server: Any, network: keras.Model) -> None:
    values = tile(6, 8)
    valid = np.ones((6, 8, 1), np.float32)
    valid[1:3, 2:5] = 0
    masked, hole = np.where(valid > 0, values, np.float32(np.nan)), values.copy()
    hole[..., 1][valid[..., 0] == 0] = np.inf
    content = {"instances": [instance(masked, valid), instance(hole)]}
    for prediction in post(server, content).json()["predictions"]:
        found = tf.io.parse_tensor(tf.io.decode_base64(prediction["probabilities"]), tf.float32)
        np.testing.assert_allclose(found, given(network, np.where(valid > 0, values, 0), valid), atol=1e-5)


GOOD = instance(tile())


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"{", 400, "not JSON"),
        ([1], 400, '"instances"'),
        ({"instances": []}, 400, "`instances` is empty"),
        ({"instances": [3]}, 400, "instances[0] is int"),
        ({"instances": [GOOD, {"red": GOOD["red"]}]}, 400, "instances[1] lacks the input 0_nir, earthline_valid"),
        ({"instances": [{**GOOD, "blue": GOOD["red"]}]}, 400, "unknown input blue"),
        ({"instances": [{**GOOD, "0_nir": 5}]}, 400, "instances[0].0_nir is int"),
        ({"instances": [{**GOOD, "0_nir": {"b64": "AA"}}]}, 400, 'instances[0].0_nir is an object {"b64": …}'),
        ({"instances": [{**GOOD, "0_nir": {"b64": "AA", "x": 1}}]}, 400, "SERIALIZED_TF_TENSORS"),
        (
            {"instances": [{**GOOD, "0_nir": None, "Red": ""} | {"red": ""}, {"Red": "", "0_nir": ""}]},
            400,
            "instances[0] has the unknown input Red",
        ),
        ({"instances": [{"Red": "", "0_nir": ""}]}, 400, "lacks the input red, earthline_valid and has the unknown"),
        (b'{"instances": [[[[[1.0], [-Infinity]]]]]}', 400, 'JSON has no -Infinity: send it as text, "-Infinity"'),
        ({"instances": [{**GOOD, "0_nir": [[[np.nan]]]}]}, 400, 'JSON has no NaN: send it as text, "NaN"'),
        ({"instances": [{**GOOD, "0_nir": "+/+/"}]}, 400, "web-safe"),
        ({"instances": [{**GOOD, "0_nir": "AAAAA"}]}, 400, "cut off"),
        ({"instances": [{**GOOD, "0_nir": text(np.zeros((6, 7, 1), np.int32))}]}, 400, "int32 instead of float32"),
        ({"instances": [{**GOOD, "0_nir": text(np.zeros((6, 7), np.float32))}]}, 400, "[6, 7] instead of [height"),
        ({"instances": [{**GOOD, "0_nir": text(np.zeros((6, 6, 1), np.float32))}]}, 400, "differ in shape"),
        ({"instances": [{**GOOD, "0_nir": text(np.zeros((0, 6, 1), np.float32))}]}, 400, "instances[0].0_nir"),
        ({"instances": [{name: GOOD[name] for name in ("red", "0_nir")}]}, 400, "lacks the input earthline_valid"),
        ({"instances": [GOOD] * 40}, 413, "over the 20,000 bytes that are read; send fewer"),
        (b" " * (33 << 20), 413, "20,000 bytes"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(server: Any, content: Any, status: int, message: str) -> None:
    response = post(server, content)
    assert response.status_code == status
    assert message in response.json()["error"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZip, identity"])
def test_a_compressed_body_is_refused_by_its_name(server: Any, encoding: str) -> None:
    body, headers = gzip.compress(json.dumps({"instances": [GOOD]}).encode()), {"Content-Encoding": encoding}
    response = httpx.post(f"{server.url}/predict", content=body, headers=headers, trust_env=False)
    assert response.status_code == 415 and f"compressed ({encoding})" in response.json()["error"]
    plain = httpx.post(
        f"{server.url}/predict",
        content=json.dumps({"instances": [GOOD]}),
        headers={"Content-Encoding": "identity"},
        trust_env=False,
    )
    assert plain.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/nowhere", 404), ("POST", "/predict/", 404), ("GET", "/predict", 405), ("POST", "/health", 405)],
)
def test_whoever_asks_elsewhere_is_told_what_there_is(server: Any, method: str, path: str, status: int) -> None:
    response = httpx.request(method, f"{server.url}{path}", trust_env=False, follow_redirects=False)
    assert response.status_code == status
    assert response.json()["error"].startswith(f"there is no {method} {path}; there are POST /predict, and GET /health")
    assert (status == 405) == ("allow" in response.headers)


def test_a_chunked_body_is_bounded_too(server: Any) -> None:
    response = httpx.post(
        f"{server.url}/predict", content=(b" " * (1 << 20) for _ in range(34)), trust_env=False, timeout=60
    )
    assert response.status_code == 413


def test_a_refused_request_leaves_the_server_well(server: Any) -> None:
    assert post(server, b"nonsense").status_code == 400
    assert post(server, {"instances": [GOOD]}).status_code == 200


def test_requests_at_once_do_not_mix(server: Any, network: keras.Model) -> None:
    tiles = [tile(4, 4) for _ in range(12)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda each: post(server, {"instances": [instance(each)]}).json(), tiles))
    for values, answer in zip(tiles, answers, strict=True):
        found = tf.io.parse_tensor(tf.io.decode_base64(answer["predictions"][0]["probabilities"]), tf.float32)
        np.testing.assert_allclose(found, given(network, values), atol=1e-5)


def test_each_request_leaves_a_line_in_the_log(server: Any) -> None:
    post(server, {"instances": [GOOD, GOOD]})
    assert "/predict 200 instances=2" in server.log.read_text()


def test_a_model_that_is_missing_is_said_by_the_health_check_and_sigterm_ends_it(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", UNLOADABLE.format(folder=str(tmp_path / "nothing"))],
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        deadline = 100
        while deadline:
            deadline -= 1
            try:
                response = httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)
            except httpx.TransportError:
                continue
            assert response.status_code == 503
            if "saved_model.pb" in response.json()["error"]:
                break
        else:
            raise AssertionError((tmp_path / "log").read_text())
        assert httpx.post(f"http://127.0.0.1:{port}/predict", content=b"{}", trust_env=False).status_code == 503
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


UNLOADABLE = """
import os, socket
probe = socket.socket(); probe.bind(("127.0.0.1", 0)); port = probe.getsockname()[1]; probe.close()
os.environ.update(AIP_STORAGE_URI={folder!r}, AIP_HTTP_PORT=str(port), UVICORN_HOST="127.0.0.1")
print(port, flush=True)
from serving.__main__ import main
raise SystemExit(main())
"""


def test_settings_come_from_the_container_contract() -> None:
    read = Settings.read({"AIP_STORAGE_URI": "gs://b/m", "PORT": "9000", "AIP_PREDICT_ROUTE": "/v1/p"})
    assert (read.port, read.predict_route, read.health_route, read.host) == (9000, "/v1/p", "/health", "0.0.0.0")
    assert Settings.read({"AIP_STORAGE_URI": "m", "PORT": "9000", "AIP_HTTP_PORT": "9001"}).port == 9001


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "AIP_STORAGE_URI"),
        ({"AIP_STORAGE_URI": "m", "AIP_HTTP_PORT": "x"}, "AIP_HTTP_PORT"),
        ({"AIP_STORAGE_URI": "m", "AIP_HTTP_PORT": "70000"}, "AIP_HTTP_PORT"),
        ({"AIP_STORAGE_URI": "m", "AIP_HEALTH_ROUTE": "health"}, "AIP_HEALTH_ROUTE"),
    ],
)
def test_wrong_settings_are_named(environment: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.read(environment)


def test_without_settings_the_process_ends_with_status_2() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AIP_")}
    done = subprocess.run([sys.executable, "-m", "serving"], env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and "AIP_STORAGE_URI" in done.stderr


def test_without_tensorflow_only_what_openvino_needs_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, ...]] = []

    def download(uri: str, folder: Path, most: int, *, names: tuple[str, ...] = ()) -> None:
        asked.append(names)
        (folder / "openvino").mkdir()
        (folder / "openvino" / "model.xml").touch()

    monkeypatch.setattr(folders, "download", download)
    local_folder("gs://bucket/model")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # as where it is missing
    local_folder("gs://bucket/model")
    assert asked == [(), ("contract.json", "openvino/model.xml", "openvino/model.bin")]


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"saved_model\.pb"):
        local_folder(str(tmp_path))
