"""Installs Python packages into a folder of their own and runs a module of them, as a training container does.

It is passed to `python3 -c`, so that it runs in any image; its arguments are the module, the number of packages, the
packages, and what the module gets. Nothing is downloaded: what the packages require must be there already.
"""

import importlib.metadata
import os
import subprocess
import sys
import tempfile


def main(module: str, count: str, *rest: str) -> None:
    """Installs and runs; does not return but by an error."""
    packages, arguments = rest[: int(count)], rest[int(count) :]
    folder = tempfile.mkdtemp(prefix="packages-")
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    # Its requirements stay out: pip would fetch what lies in another folder than this one.
    options += ["--no-index", "--no-deps", "--no-build-isolation", "--target", folder]
    done = subprocess.run([sys.executable, "-m", "pip", "install", *options, *packages], check=False)
    if done.returncode:
        sys.exit(f"The packages {', '.join(packages)} could not be installed; pip's reasons stand above.")
    if missing := unmet(folder):
        sys.exit(
            f"The packages require {', '.join(missing)}, which is not here. The sandbox runs training code with the"
            " packages of its own environment and downloads none: install them there."
        )
    paths = [folder, os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


def unmet(folder: str) -> list[str]:
    """Requirements of the packages in a folder that neither the folder nor this environment meets."""
    from packaging.requirements import Requirement

    installed = list(importlib.metadata.distributions(path=[folder]))
    inside = {found.name: found.version for found in installed}
    missing = []
    for text in (text for found in installed for text in found.requires or ()):
        needed = Requirement(text)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            version = inside.get(needed.name) or importlib.metadata.version(needed.name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(text)
            continue
        if not needed.specifier.contains(version, prereleases=True):
            missing.append(f"{text} (here: {version})")
    return missing


if __name__ == "__main__":
    main(*sys.argv[1:])
