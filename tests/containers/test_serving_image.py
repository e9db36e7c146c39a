"""The image of endpoints: what is in it, who runs it, and what it says where it has no model."""

import json
import re

import pytest

from .conftest import ROOT, Docker
from .test_image import INSTALLED, LOCK, STALE, python, run

# What a module of the server imports must be there, and what starts it fast must not.
IMPORTS = """
import importlib, json, pkgutil, sys
import serving, earthline.runtimes
for package in (serving, earthline.runtimes):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.endswith(("__main__", ".light_tensorflow")):  # the second is TensorFlow itself
            importlib.import_module(found.name)
import openvino
print(json.dumps([openvino.Core().available_devices, sorted({name.partition(".")[0] for name in sys.modules})]))
"""
HEAVY = {"tensorflow", "keras", "kfp", "apache_beam", "ee", "rasterio", "openvino_telemetry", "components", "trainer"}


@pytest.mark.slow
def test_it_holds_the_server_and_little_else(docker: Docker, serving_image: str) -> None:
    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    locked = {plain(name): version for name, version in LOCK.findall((ROOT / "constraints.txt").read_text())}
    there = {plain(name): version for name, version in json.loads(python(docker, serving_image, INSTALLED)).items()}
    assert there == {name: locked.get(name) for name in there}
    assert "openvino" in there and not {plain(name) for name in HEAVY} & set(there)
    assert int(python(docker, serving_image, STALE).split()[0]) < 10
    shell = "command -v gcc cc make; ls /opt/earthline/bin/pip /etc/pip.conf /run/secrets 2>/dev/null; true"
    assert run(docker, serving_image, "-c", shell, options=("--entrypoint=sh",)) == ""
    size = int(docker("image", "inspect", "--format", "{{.Size}}", serving_image).stdout)
    # OpenVINO is 85 MB of it, Debian's own Python 191.
    assert size < 450e6, size


@pytest.mark.slow
def test_every_module_of_the_server_loads_for_any_user(docker: Docker, serving_image: str) -> None:
    stranger = ("--user=4321:4321", "--env=HOME=/tmp", "--read-only", "--tmpfs=/tmp", "--entrypoint=python3")
    devices, modules = json.loads(run(docker, serving_image, "-c", IMPORTS, options=stranger).splitlines()[-1])
    assert devices == ["CPU"]
    assert not HEAVY & set(modules)


@pytest.mark.slow
def test_it_is_an_ordinary_users_and_says_what_it_lacks(docker: Docker, serving_image: str) -> None:
    assert run(docker, serving_image, "-u", options=("--entrypoint=id",)).strip() == "10001"
    assert "AIP_STORAGE_URI is not set" in run(docker, serving_image, code=2)
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", serving_image).stdout)
    assert labels["earthline.tensorflow"] == "none"
