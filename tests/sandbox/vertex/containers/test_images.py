"""The digest of what an image stands for: it follows the code, so that the cache does."""

import json
import os
from pathlib import Path

import pytest

from earthline_sandbox.vertex.containers import images


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only package of a distribution that is installed editably."""
    site, package = tmp_path / "site", tmp_path / "my project" / "src" / "steps"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("SCALE = 10\n")
    information = site / "steps-1.0.dist-info"
    information.mkdir(parents=True)
    origin = {"url": package.parents[1].as_uri(), "dir_info": {"editable": True}}
    (information / "direct_url.json").write_text(json.dumps(origin))
    (information / "top_level.txt").write_text("steps\n")
    monkeypatch.syspath_prepend(str(site))
    return package


def test_edited_code_is_another_image(source: Path) -> None:
    before = images.digest()
    assert images.digest() == before
    (source / "__init__.py").write_text("SCALE = 20\n")
    edited = images.digest()
    assert edited != before
    (source / "more.py").write_text("")
    assert images.digest() not in (before, edited)


def test_the_same_content_is_the_same_image(source: Path) -> None:
    before = images.digest()
    os.utime(source / "__init__.py")
    (source / "notes.txt").write_text("no code")
    assert images.digest() == before


def test_another_version_of_a_distribution_is_another_image(source: Path) -> None:
    before = images.digest()
    information = source.parents[2] / "site" / "steps-1.0.dist-info"
    information.rename(information.with_name("steps-1.1.dist-info"))
    assert images.digest() != before
