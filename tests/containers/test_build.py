"""What `make image` decides before Docker is asked: the secrets of a build, the builder, and what it reports."""

import importlib.util
import os
import re
import stat
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]


def script(name: str) -> ModuleType:
    """A script of the folder `containers`, which is no package."""
    spec = importlib.util.spec_from_file_location(f"containers_{name}", ROOT / "containers" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build, health, requirements = script("build"), script("health"), script("requirements")


def test_pip_settings_reach_the_build_and_folders_of_this_machine_do_not(tmp_path: Path) -> None:
    listing = (
        ":env:.cert='/etc/ca.pem'\n:env:.timeout='180'\n"
        "global.extra-index-url='\\nhttps://two.example/simple\\nfile:///srv/simple'\n"
        "global.find-links='/srv/wheels'\nglobal.index-url='https://user:word@one.example/simple'\n"
        "global.timeout='20'\nfreeze.timeout='9'\nglobal.require-virtualenv='true'\n"
    )
    settings = build.pip_settings(listing)
    assert settings == {
        "cert": ["/etc/ca.pem"],
        "timeout": ["180"],
        "extra-index-url": ["https://two.example/simple"],
        "index-url": ["https://user:word@one.example/simple"],
    }
    certificates = tmp_path / "ca.pem"
    certificates.write_text("certificates")
    flags = build.write_secrets(tmp_path, {**settings, "cert": [str(certificates)]}, {})
    configuration = tmp_path / "pip.conf"
    assert flags == ["--secret", f"id=ca,src={certificates}", "--secret", f"id=pip,src={configuration}"]
    section, *lines = configuration.read_text().splitlines()
    assert section == "[global]"
    assert set(lines) == {
        "timeout = 180",
        "extra-index-url = https://two.example/simple",
        "index-url = https://user:word@one.example/simple",
        f"cert = {build.CA_IN_BUILD}",
    }
    assert "word" not in " ".join(flags)


def test_a_machine_without_settings_needs_no_secret(tmp_path: Path) -> None:
    assert build.write_secrets(tmp_path, build.pip_settings(""), {}) == []


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(build.BuildError, match=r"missing\.pem"):
        build.write_secrets(tmp_path, {}, {"SSL_CERT_FILE": str(tmp_path / "missing.pem")})


def docker(folder: Path, version: str, buildx: int) -> Path:
    folder.mkdir()
    program = folder / "docker"
    program.write_text(f'#!/bin/sh\n[ "$1" = version ] && echo {version} && exit 0\nexit {buildx}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def test_the_builder_is_the_first_docker_with_buildkit(tmp_path: Path) -> None:
    bare = docker(tmp_path / "bare", "28.2.2", 1)
    old = docker(tmp_path / "old", "20.10.24+dfsg1", 1)
    plugin = docker(tmp_path / "plugin", "28.2.2", 0)

    def path(*programs: Path) -> dict[str, str]:
        return {"PATH": os.pathsep.join(str(program.parent) for program in programs)}

    assert build.builder(path(bare, old, plugin)) == str(old)
    assert build.builder(path(bare, plugin, old)) == str(plugin)
    with pytest.raises(build.BuildError, match=r"28\.2\.2 without it"):
        build.builder(path(bare))
    with pytest.raises(build.BuildError, match="no docker command"):
        build.builder({"PATH": str(tmp_path)})


@given(st.floats(0.01, 999.9), st.sampled_from(sorted(build.UNITS)))
def test_sizes_are_read_as_docker_writes_them(number: float, unit: str) -> None:
    assert build.megabytes(f"{number:.4g}{unit}") == pytest.approx(float(f"{number:.4g}") * build.UNITS[unit] / 1e6)


def test_layers_without_files_are_left_out_and_strange_sizes_refused() -> None:
    rows = (
        '{"Size":"0B","CreatedBy":"CMD","Comment":""}\n{"Size":"2.41GB","CreatedBy":"COPY /opt /opt # buildkit"'
        ',"Comment":"buildkit"}\n{"Size":"191MB","CreatedBy":"","Comment":"Imported from -"}'
    )
    assert [row.split() for row in build.layers(rows)] == [
        ["2410.00", "MB", "COPY", "/opt", "/opt", "#", "buildkit"],
        ["191.00", "MB", "Imported", "from", "-"],
    ]
    with pytest.raises(build.BuildError, match="'2 pounds'"):
        build.megabytes("2 pounds")


def test_requirements_are_the_projects_with_one_tensorflow() -> None:
    texts = (ROOT / "pyproject.toml").read_text(), (ROOT / "constraints.txt").read_text()
    cpu, gpu = (requirements.requirements(*texts, variant) for variant in ("cpu", "gpu"))
    assert [line for line in gpu if line.startswith("tensorflow")] == ["tensorflow[and-cuda]==2.21.0"]
    assert {line for line in cpu if not line.startswith("tensorflow")} == set(gpu[:-1])
    assert [line for line in cpu if line.startswith("onnx")], "the image of the steps reads ONNX"
    serving = requirements.requirements(*texts, "serving")
    assert {"numpy", "openvino", "starlette"} <= {re.split("[<>=]", line)[0] for line in serving}
    assert not [line for line in serving if line.startswith(("tensorflow", "keras", "kfp", "apache-beam"))]
    with pytest.raises(ValueError, match=r"the project does not depend on .*orjson"):
        requirements.requirements(texts[0].replace('"orjson>', '"orjsonnet>'), texts[1], "serving")
    with pytest.raises(ValueError, match="TENSORFLOW is 'tpu'"):
        requirements.requirements(*texts, "tpu")


def test_only_a_server_has_to_answer_the_health_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert health.check({}) == 0
    assert health.check({"AIP_STORAGE_URI": "gs://b/m", "AIP_HTTP_PORT": "1"}) == 1
    assert "http://127.0.0.1:1/health does not answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tag", "flags", "said"),
    [
        ("earthline:0.1.0", ["--build-arg", "TENSORFLOW=gpu"], "use earthline:0.1.0-gpu"),
        ("earthline:0.1.0", ["--build-arg=TENSORFLOW=gpu", "--pull"], "use earthline:0.1.0-gpu"),
        ("earthline:0.1.0-gpu", [], "for processors alone"),
        ("earthline:0.1.0-gpu", ["--build-arg", "TENSORFLOW=cpu"], "or use earthline:0.1.0"),
    ],
)
def test_a_tag_that_says_the_wrong_tensorflow_is_refused(tag: str, flags: list[str], said: str) -> None:
    with pytest.raises(build.BuildError, match=re.escape(said)):
        build.check_tag(tag, flags)


def test_a_tag_that_says_the_right_one_is_taken() -> None:
    build.check_tag("earthline:0.1.0-gpu", ["--network", "host", "--build-arg", "TENSORFLOW=gpu"])
    build.check_tag("earthline:0.1.0", ["--build-arg", "BEAM_BOOT=with"])


def test_two_images_are_built_but_for_gpus() -> None:
    tag = "us-docker.pkg.dev/p/earthline/earthline:0.1.0"
    serving = "us-docker.pkg.dev/p/earthline/earthline-serving:0.1.0"
    assert build.targets(tag) == {"steps": tag, "serving": serving}
    assert build.targets("localhost:5000/e", "serving") == {"serving": "localhost:5000/e-serving"}
    assert build.targets(f"{tag}-gpu") == {"steps": f"{tag}-gpu"}
    with pytest.raises(build.BuildError, match=re.escape(f"use {tag}")):
        build.targets(f"{tag}-gpu", "serving")
