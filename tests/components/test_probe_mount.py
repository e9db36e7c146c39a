"""Who may write into a folder, as the step finds by trying."""

import json
import os
from pathlib import Path

import pytest
from kfp import dsl

from components.probe_mount.component import probe_mount
from components.probe_mount.run import ORDINARY, WRITING


def written(folder: Path) -> dict[str, object]:
    probe_mount.python_func(writing=dsl.Artifact(uri=str(folder)))
    content: dict[str, object] = json.loads((folder / WRITING).read_text())
    return content


def test_the_steps_own_user_writes(tmp_path: Path) -> None:
    found = written(tmp_path / "writing")
    assert found["user"] == os.getuid()
    assert (tmp_path / "writing" / "own.txt").read_text() == "written"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_tried_as_such(tmp_path: Path) -> None:
    # Pytest's folders are closed to others all the way up.
    folder = tmp_path / "writing"
    assert "PermissionError" in str(written(folder)["ordinary_refusal"])
    assert not (folder / "ordinary.txt").exists()
    for place in (folder, *folder.parents):
        if place.owner() == "root" and place != Path("/") and not place.stat().st_mode & 0o001:
            place.chmod(0o711)
    folder.chmod(0o777)
    assert written(folder)["ordinary_refusal"] == ""
    assert (folder / "ordinary.txt").stat().st_uid == ORDINARY
