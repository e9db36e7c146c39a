"""Builds the two images, that of steps, Beam workers and endpoint and the small one of endpoints alone.

It says how large they and each of their layers are.

It runs on the standard library alone, so that `make image` needs nothing but Python and Docker. What pip is told on
this machine (index, proxy, certificates) reaches the pip of the build as secrets, of which no layer keeps anything.
"""

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CA_IN_BUILD = "/run/secrets/ca.pem"
LARGEST_SECRET = 500_000
"""Bytes of one secret that BuildKit takes."""

PASSED = ("index-url", "extra-index-url", "find-links", "trusted-host", "proxy", "timeout", "retries")
"""Settings of pip that say how a package is reached."""

SECTIONS = ("global", "install", ":env:")
"""Of pip's configuration, in the order in which later ones win."""

ADDRESSES = ("index-url", "extra-index-url", "find-links")
STEPS, SERVING = "steps", "serving"
"""Targets of the Dockerfile, an image each."""
GPU_SUFFIX = "-gpu"
"""Ends the tag of an image whose TensorFlow uses GPUs, and of no other: `earthline check` goes by it."""
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


class BuildError(RuntimeError):
    """The image cannot be built; the text says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds, then reports; gives the exit status."""
    options, rest = _parser().parse_known_args(arguments)
    try:
        check_tag(options.tag, rest)
        wanted = targets(options.tag, options.only)
        docker = builder(os.environ)
        with tempfile.TemporaryDirectory() as folder:
            secrets = write_secrets(Path(folder), pip_settings(_pip_config()), os.environ)
            for target, tag in wanted.items():
                build(docker, target, tag, options.base_image, [*secrets, *rest])
        print("\n\n".join(report(docker, tag) for tag in wanted.values()))
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    return 0


def builder(environment: Mapping[str, str]) -> str:
    """The `docker` command that can build with BuildKit: the first on PATH that has buildx, or is older than 23.

    From version 23 on, the command leaves BuildKit to its plugin buildx.

    Raises:
        BuildError: There is none.
    """
    seen = []
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        docker = shutil.which("docker", path=folder)
        if docker is None:
            continue
        version = _output([docker, "version", "--format", "{{.Client.Version}}"], check=False).strip()
        seen.append(f"{docker} {version}".strip())
        plugin = subprocess.run([docker, "buildx", "version"], capture_output=True, check=False).returncode == 0
        if plugin or (version.partition(".")[0].isdigit() and int(version.partition(".")[0]) < 23):
            return docker
    found = f"found {', '.join(seen)} without it" if seen else "there is no docker command on PATH"
    raise BuildError(f"building takes Docker with BuildKit; {found}: install Docker and its buildx plugin")


def check_tag(tag: str, flags: Sequence[str]) -> None:
    """Sees to it that the tag says which TensorFlow the image holds.

    Args:
        tag: Name of the image with its tag.
        flags: Further options of `docker build`.

    Raises:
        BuildError: It says otherwise.
    """
    chosen = [flag.removeprefix("--build-arg=") for flag in flags if "TENSORFLOW=" in flag]
    is_gpu = chosen[-1:] == ["TENSORFLOW=gpu"]
    if is_gpu and not tag.endswith(GPU_SUFFIX):
        raise BuildError(f"TENSORFLOW=gpu makes an image whose tag must end with {GPU_SUFFIX}: use {tag}{GPU_SUFFIX}")
    if tag.endswith(GPU_SUFFIX) and not is_gpu:
        raise BuildError(
            f"{tag} would hold TensorFlow for processors alone: add --build-arg TENSORFLOW=gpu, or use "
            f"{tag.removesuffix(GPU_SUFFIX)}"
        )


def targets(tag: str, only: str = "") -> dict[str, str]:
    """The images to build: by target of the Dockerfile, the name with its tag.

    Args:
        tag: Of the steps' image. The serving image is called `NAME-serving` and has the same tag; where that is one for
            GPUs it is not built, as nothing of it would differ.
        only: A target, to build no other.

    Raises:
        BuildError: The serving image alone is asked for by a tag for GPUs.
    """
    found = {STEPS: tag}
    if not tag.endswith(GPU_SUFFIX):
        found[SERVING] = serving_tag(tag)
    if only and only not in found:
        raise BuildError(f"the serving image has no TensorFlow, and none for GPUs: use {tag.removesuffix(GPU_SUFFIX)}")
    return {only: found[only]} if only else found


def serving_tag(tag: str) -> str:
    """Name and tag of the serving image: `host/a/earthline-serving:1` beside `host/a/earthline:1`."""
    place, slash, name = tag.rpartition("/")
    name, colon, version = name.partition(":")
    return f"{place}{slash}{name}-{SERVING}{colon}{version}"


def build(docker: str, target: str, tag: str, base_image: str, flags: Sequence[str]) -> None:
    """Runs `docker build`; its progress goes to standard error.

    Args:
        docker: Of `builder`.
        target: `STEPS` or `SERVING`.
        tag: Name of the image with its tag.
        base_image: Instead of the Dockerfile's; empty for that.
        flags: Further options.

    Raises:
        BuildError: It failed.
    """
    dockerfile = str(ROOT / "containers" / "Dockerfile")
    command = [docker, "build", "--file", dockerfile, "--target", target, "--tag", tag, *flags]
    if base_image:
        command += ["--build-arg", f"BASE_IMAGE={base_image}"]
    done = subprocess.run([*command, str(ROOT)], env={**os.environ, "DOCKER_BUILDKIT": "1"}, check=False)
    if done.returncode:
        raise BuildError(f"`docker build` ended with status {done.returncode}; its own words stand above")


def pip_settings(listing: str) -> dict[str, list[str]]:
    """What of pip's configuration a build needs.

    Args:
        listing: What `pip config list` prints: lines `global.index-url='…'`. A command's section wins over the global
            one, and the environment over both.

    Returns:
        Values by key. Folders of this machine are left out, as a build does not see them; `cert` is a path here.
    """
    found: dict[str, list[str]] = {}
    lines = [line.partition("=") for line in listing.splitlines() if "=" in line]
    for wanted in SECTIONS:
        for name, _, text in lines:
            section, _, key = name.rpartition(".")
            if section != wanted or key not in (*PASSED, "cert"):
                continue
            values = str(ast.literal_eval(text)).split()
            if key in ADDRESSES:
                values = [value for value in values if value.startswith(("https://", "http://"))]
            if values:
                found[key] = values
    return found


def write_secrets(folder: Path, settings: Mapping[str, Sequence[str]], environment: Mapping[str, str]) -> list[str]:
    """Writes the build's secrets.

    Args:
        folder: Where they may lie until the build ends.
        settings: Of `pip_settings`.
        environment: Names the certificates where pip's settings do not.

    Returns:
        Flags of `docker build`.

    Raises:
        BuildError: The certificates cannot be read or are too large.
    """
    values = {key: list(items) for key, items in settings.items() if key != "cert"}
    flags = []
    authority = next(iter(settings.get("cert", ())), "") or next(
        (environment[name] for name in CA_VARIABLES if environment.get(name)), ""
    )
    if authority:
        try:
            size = Path(authority).stat().st_size
        except OSError as error:
            raise BuildError(f"the certificates that pip uses here cannot be read: {error}") from error
        if size > LARGEST_SECRET:
            raise BuildError(f"{authority} has {size:,} bytes; a build's secret has at most {LARGEST_SECRET:,}")
        values["cert"] = [CA_IN_BUILD]
        flags += ["--secret", f"id=ca,src={authority}"]
    if values:
        lines = [f"{key} = {' '.join(items)}\n" for key, items in values.items()]
        # A folder of its own with mode 0700: an index's address may hold a password.
        configuration = folder / "pip.conf"
        configuration.write_text("[global]\n" + "".join(lines), encoding="utf-8")
        flags += ["--secret", f"id=pip,src={configuration}"]
    return flags


def report(docker: str, tag: str) -> str:
    """Size of an image and of every layer that has one, the newest first."""
    size = int(_output([docker, "image", "inspect", "--format", "{{.Size}}", tag]))
    history = _output([docker, "history", "--no-trunc", "--format", "{{json .}}", tag])
    rows = list(layers(history))
    return "\n".join([f"{tag}: {size / 1e6:,.0f} MB in {len(rows)} layers", *rows])


def layers(history: str) -> Iterator[str]:
    """A line for each layer that holds files.

    Args:
        history: What `docker history --format '{{json .}}'` prints.
    """
    for line in history.splitlines():
        layer = json.loads(line)
        if megabytes(layer["Size"]) > 0:
            made = " ".join(layer["CreatedBy"].removeprefix("/bin/sh -c").split()) or layer["Comment"] or "base image"
            yield f"{megabytes(layer['Size']):>9.2f} MB  {made[:100]}"


def megabytes(text: str) -> float:
    """A size as Docker writes it, such as `1.5GB`, in megabytes.

    Raises:
        BuildError: Docker writes it otherwise.
    """
    unit = text.lstrip("0123456789.e+-")
    try:
        return float(text.removesuffix(unit)) * UNITS[unit] / 1e6
    except (KeyError, ValueError):
        raise BuildError(f"docker gives a size as {text!r}, which is none that is known here") from None


def _pip_config() -> str:
    """What pip is told on this machine; empty where this Python has no pip."""
    return _output([sys.executable, "-m", "pip", "config", "list"], check=False)


def _output(command: Sequence[str], *, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise BuildError(f"`{' '.join(command[:3])}` failed: {done.stderr.strip()}")
    return done.stdout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="containers/build.py",
        description="Build both images. Further options go to `docker build`, such as --build-arg TENSORFLOW=gpu.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--tag",
        required=True,
        help="name of the steps' image, such as earthline:0.1.0; the other's is NAME-serving:TAG",
    )
    parser.add_argument("--only", choices=(STEPS, SERVING), default="", help="build this one alone")
    parser.add_argument("--base-image", default="", help="image with Python 3.11 and pip, instead of the Dockerfile's")
    return parser


if __name__ == "__main__":
    sys.exit(main())
