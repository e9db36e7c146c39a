import os
from pathlib import Path

import numpy as np
import pytest

from earthline.local_map.work import Work, WorkError, folder_of

TYPES = {"map": "uint8", "margin": "float32"}
SHAPE = (10, 7)


def opened(output: Path, identity: str = "x", *, groups: int = 6, anew: bool = False) -> Work:
    return Work(output, identity, groups, SHAPE, TYPES, anew=anew)


def block(value: float, shape: tuple[int, int] = (4, 5)) -> dict[str, np.ndarray]:
    return {"map": np.full(shape, value, np.uint8), "margin": np.full(shape, value / 2, np.float32)}


def test_blocks_that_reach_outside_are_cut_and_read_back(tmp_path: Path) -> None:
    with opened(tmp_path / "map.tif") as work:
        work.write(0, -2, -1, block(1))
        work.write(3, 8, 4, block(2))
        expected = np.zeros(SHAPE, np.uint8)
        expected[:2, :4], expected[8:, 4:] = 1, 2
        np.testing.assert_array_equal(work.read("map", 0, 0, SHAPE), expected)
        np.testing.assert_array_equal(work.read("margin", 1, 2, (8, 5)), expected[1:9, 2:] / 2)


def test_what_reached_the_disk_is_done_and_a_line_that_was_cut_off_is_not(tmp_path: Path) -> None:
    output = tmp_path / "map.tif"
    with opened(output) as work:
        assert not work.done.any()
        work.write(1, 0, 0, block(1))
        work.settle()
        work.write(4, 4, 0, block(2))
        assert np.flatnonzero(work.done).tolist() == [1]
    journal = folder_of(output) / "journal"
    with journal.open("ab") as file:
        file.write(b"5")  # a process was killed while it wrote `50`, or `5` and the end of the line
    with opened(output) as work:
        assert np.flatnonzero(work.done).tolist() == [1, 4]
        assert (work.read("map", 4, 0, (4, 5)) == 2).all()
        work.write(0, 8, 0, block(3, (2, 2)))
    with opened(output) as work:
        assert np.flatnonzero(work.done).tolist() == [0, 1, 4]


def test_a_head_that_was_cut_off_is_a_beginning(tmp_path: Path) -> None:
    output = tmp_path / "map.tif"
    with opened(output) as work:
        work.write(1, 0, 0, block(1))
    journal = folder_of(output) / "journal"
    journal.write_bytes(journal.read_bytes()[:9])
    with opened(output) as work:
        assert not work.done.any()
    with opened(output) as work:
        assert not work.done.any()


@pytest.mark.parametrize("left", [None, 0, 30])
def test_a_layer_that_somebody_took_away_is_never_taken_for_pixels(tmp_path: Path, left: int | None) -> None:
    output = tmp_path / "map.tif"
    with opened(output) as work:
        work.write(1, 0, 0, block(1))
    layer = folder_of(output) / "margin.raw"
    layer.unlink() if left is None else os.truncate(layer, left)
    with opened(output) as work:
        assert not work.done.any() and not work.read("map", 0, 0, SHAPE).any()


def test_work_on_another_map_is_never_mixed_with_this_one(tmp_path: Path) -> None:
    output = tmp_path / "map.tif"
    with opened(output) as work:
        work.write(1, 0, 0, block(1))
    with pytest.raises(WorkError, match="holds an unfinished map of other images, another model or other options"):
        opened(output, "y")
    with opened(output) as work:
        assert work.done.sum() == 1, "it is still there"
    with opened(output, "y", anew=True) as work:
        assert not work.done.any() and not work.read("map", 0, 0, SHAPE).any()


def test_two_processes_do_not_write_one_map(tmp_path: Path) -> None:
    output = tmp_path / "map.tif"
    with opened(output), pytest.raises(WorkError, match="another process writes"):
        opened(output)
    with opened(output) as work:
        work.remove()
    assert not folder_of(output).exists()
