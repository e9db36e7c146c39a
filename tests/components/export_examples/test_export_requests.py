"""How fetching orders its requests, what it makes of answers that fail, and what it tells meanwhile."""

import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from hypothesis import given
from hypothesis import strategies as st

from components.export_examples import runners
from components.export_examples.fetching import fetch, measuring, requests, windows
from components.export_examples.fetching.measuring import FEW, Meter
from components.export_examples.fetching.merging import DEFAULT, Costs
from components.export_examples.fetching.progress import Progress
from components.export_examples.fetching.requests import Requests
from components.export_examples.fetching.windows import NoRequestError
from components.export_examples.job import Job
from components.export_examples.pipeline import joined, run
from components.export_examples.writing.spool import Spool
from earthline.config import Export
from earthline.earth_engine.connection import Traffic
from earthline.earth_engine.retry import BatchOnlyError, PixelsError, RefusedError, TooHeavyError, UnansweredError
from earthline.formats.manifest import SPLITS
from earthline.grid import Grid

from .test_export_fetching import section

GRID = Grid("EPSG:32119", (30.0, 0.0, 1000.0, 0.0, -30.0, 9000.0), (9000, 9000))
DATA = section((1, -2))


def asked(number, side, export):
    random = np.random.default_rng(number)
    corners = random.integers(0, side, (number, 2)).astype(np.int32)
    return Requests.of(random.integers(0, 3, number).astype(np.uint8), corners, DATA, export)


def patches(windows):
    return sorted(patch for window in windows for patch in window.patches)


@given(st.integers(1, 60), st.integers(100, 3000), st.integers(1, 9), st.integers(1, 20))
def test_parts_hold_every_patch_once(number, side, parts, few):
    whole = asked(number, side, Export())
    found = list(whole.parts(parts))
    assert len(found) == min(parts, len(whole))
    assert patches(window for part in found for window in part) == patches(whole)
    first, others = whole.apart(few)
    assert len(first) == min(few, len(whole))
    assert patches(map(whole.window, [*first, *others])) == patches(whole)
    every = [(SPLITS[split], *corner) for split, corner in zip(whole.split, whole.corners.tolist(), strict=True)]
    assert patches(whole) == sorted(every)


class Service:
    """What `windows.fetch_window` would give, for windows that may fail so often."""

    def __init__(self, failing, error):
        self.failing, self.error, self.calls = dict(failing), error, []

    def __call__(self, image, grid, box, attempts, place):
        self.calls.append(box)
        if self.failing.get(box, 0):
            self.failing[box] -= 1
            raise self.error(f"{place}: no")
        rows, columns = np.mgrid[box[0] : box[2], box[1] : box[3]]
        pixels = np.zeros(rows.shape, requests.pixel_type(DATA))
        pixels["B1"], pixels["B2"] = rows, columns
        return pixels, 1


@pytest.fixture
def fetching(monkeypatch):
    monkeypatch.setattr(fetch, "connect", lambda *arguments: None)
    monkeypatch.setattr(fetch.windows, "request_image", lambda data, grid: None)

    def begin(service, export):
        monkeypatch.setattr(fetch.windows, "fetch_window", service)
        made = fetch.FetchPatches(Job(DATA, export, "project", GRID), 0, None)
        made.setup()
        return made

    return begin


EXPORT = Export(patch_shape=(8, 6), block_shape=(24, 24), concurrency=4)


def test_windows_without_an_answer_are_asked_for_again_after_the_others(fetching):
    whole = asked(60, 3000, EXPORT)
    boxes = [window.box for window in whole]
    service = Service({boxes[3]: 1, boxes[20]: 1}, UnansweredError)
    arrived = list(fetching(service, EXPORT).process(whole))
    assert sorted((each.split, each.row, each.column) for each in arrived) == patches(whole)
    assert sorted(service.calls) == sorted([*boxes, boxes[3], boxes[20]])
    for each in arrived:
        # The window of a patch whose label lies one row below and two columns left of it.
        assert each.pixels.shape == (9, 8)
        assert (each.pixels["B1"][0, 0], each.pixels["B2"][0, 0]) == (each.row, each.column - 2)


def test_a_window_that_stays_without_an_answer_ends_the_step(fetching):
    whole = asked(60, 3000, EXPORT)
    box = next(iter(whole)).box
    service = Service({box: 2}, UnansweredError)
    arrived = []
    with pytest.raises(UnansweredError):
        arrived.extend(fetching(service, EXPORT).process(whole))
    assert service.calls.count(box) == 2 and set(service.calls) == {window.box for window in whole}


def test_where_nothing_is_answered_any_more_the_rest_is_not_asked_for(fetching):
    whole = asked(400, 9000, EXPORT)
    service = Service({window.box: 9 for window in whole}, UnansweredError)
    with pytest.raises(UnansweredError):
        list(fetching(service, EXPORT).process(whole))
    assert len(service.calls) < 40


def test_what_is_refused_is_asked_for_once_and_ends_the_step(fetching):
    whole = asked(400, 9000, EXPORT)
    box = next(iter(whole)).box
    service = Service({box: 9}, RefusedError)
    with pytest.raises(RefusedError):
        list(fetching(service, EXPORT).process(whole))
    assert service.calls.count(box) == 1 and len(service.calls) < 40


@pytest.mark.parametrize("error", [TooHeavyError, BatchOnlyError])
def test_what_no_request_gives_says_so_and_how_many_were_made(monkeypatch, error):
    def fetched(image, grid, attempts, place, requested):
        requested()
        raise error(f"{place}: User memory limit exceeded.")

    monkeypatch.setattr(windows, "fetch", fetched)
    with pytest.raises(NoRequestError, match=r"patch at row 0: User memory limit exceeded\.$") as refused:
        windows.fetch_window(None, GRID, (0, 0, 8, 8), 1, "patch at row 0")
    assert refused.value.requests == 1


class Heavy(Service):
    """Gives no window in which a patch lies that no request gives."""

    def __init__(self, heavy, failing=(), error=NoRequestError):
        super().__init__(failing, error)
        self.heavy = heavy

    def __call__(self, image, grid, box, attempts, place):
        if any(box[0] <= row < box[2] and box[1] <= column < box[3] for row, column in self.heavy):
            self.calls.append(box)
            raise NoRequestError(f"{place}: too heavy")
        return super().__call__(image, grid, box, attempts, place)


def corners(found):
    return sorted((each.row, each.column) for each in found)


BOTH = EXPORT.model_copy(update={"method": "pixels_then_batch"})


def test_patches_that_no_request_gives_are_left_out_and_nothing_else(fetching):
    whole = asked(400, 400, BOTH)
    assert len(whole) < 200, "many windows hold several patches"
    heavy = {tuple(corner) for corner in whole.corners[::9].tolist()}
    service = Heavy(heavy)
    arrived = corners(fetching(service, BOTH).process(whole))
    # A patch beside a heavy one may hold its first pixel.
    left = {tuple(corner) for corner in whole.corners.tolist()} - set(arrived)
    alone = [windows.box_of(*corner, BOTH.patch_shape, DATA.labels.offset) for corner in whole.corners.tolist()]
    boxes = dict(zip(map(tuple, whole.corners.tolist()), alone, strict=True))
    touched = {
        corner
        for corner, box in boxes.items()
        if any(box[0] <= row < box[2] and box[1] <= column < box[3] for row, column in heavy)
    }
    assert heavy <= left == touched and len(left) < len(whole.corners) / 2
    assert max(map(service.calls.count, service.calls)) == 1 and all(boxes[corner] in service.calls for corner in left)


def test_where_no_patch_at_all_comes_by_a_request_the_rest_is_not_asked_for(fetching, caplog):
    whole = asked(400, 9000, BOTH)
    service = Heavy({tuple(corner) for corner in whole.corners.tolist()})
    assert not list(fetching(service, BOTH).process(whole))
    assert len(service.calls) < 40 and "comes by a request; asks no more" in caplog.text


def test_other_errors_end_the_step_also_where_tasks_bring_the_rest(fetching):
    whole = asked(60, 3000, BOTH)
    boxes = [window.box for window in whole]
    with pytest.raises(RefusedError):
        list(fetching(Heavy({boxes[2][:2]}, {boxes[40]: 1}, RefusedError), BOTH).process(whole))
    with pytest.raises(UnansweredError):
        list(fetching(Heavy({boxes[2][:2]}, {boxes[40]: 2}, UnansweredError), BOTH).process(whole))


def test_without_tasks_the_first_such_patch_ends_the_step_and_names_both_ways(fetching):
    whole = asked(60, 3000, EXPORT)
    heavy = tuple(whole.corners[7].tolist())
    with pytest.raises(NoRequestError, match=r"too heavy; or write export\.method: pixels_then_batch .*method: batch"):
        list(fetching(Heavy({heavy}), EXPORT).process(whole))


@pytest.mark.parametrize("engine", ["DirectRunner", "DataflowRunner"])
def test_what_is_left_to_tasks_is_counted_and_told(fetching, monkeypatch, tmp_path, caplog, engine):
    both = BOTH.model_copy(update={"runner": engine})
    whole = asked(40, 9000, both)
    heavy = {tuple(corner) for corner in whole.corners[:3].tolist()}
    fetching(Heavy(heavy), both)
    monkeypatch.setattr(runners, "runner", lambda name: FnApiRunner())
    monkeypatch.setattr(runners, "options", lambda *arguments: PipelineOptions([]))
    spool = Spool.open(str(tmp_path), {})
    counted = run(Job(DATA, both, "project", GRID), whole, spool.folder, {})
    spool.refresh()
    assert counted["rerouted_patches"] == 3 and spool.count + spool.lost_count == counted["fetched_patches"] == 37
    assert "3 patches come by no request, and are left to export tasks: patch at row" in caplog.text


def test_a_remote_workers_refusal_is_the_steps_and_is_not_tried_again(fetching, monkeypatch, tmp_path):
    remote = EXPORT.model_copy(update={"runner": "DataflowRunner"})
    whole = asked(40, 9000, remote)
    box = list(whole)[-1].box  # when it is asked for, others have arrived
    service = Service({box: 9}, RefusedError)
    fetching(service, remote)
    monkeypatch.setattr(runners, "runner", lambda name: FnApiRunner())
    monkeypatch.setattr(runners, "options", lambda *arguments: PipelineOptions([]))
    spool = Spool.open(str(tmp_path), {})
    with pytest.raises(PixelsError, match=f"row {box[0]}, column {box[1]}: no"):
        run(Job(DATA, remote, "project", GRID), whole, spool.folder, {})
    assert service.calls.count(box) == 1
    spool.refresh()
    # What came before is kept.
    assert spool.count + spool.lost_count > 0


def test_what_the_first_windows_cost_tells_how_the_rest_is_merged(fetching, monkeypatch):
    whole = asked(2_000, 2_000, EXPORT)
    dear = Costs(DEFAULT.request, DEFAULT.megapixel * 64)
    assert len(requests.windows_of(whole.corners, DATA, EXPORT, dear)) > len(whole)
    # Windows that save little are left as they are, and so is what was said of their number.
    little = Costs(DEFAULT.request, DEFAULT.megapixel * 16)
    assert len(requests.windows_of(whole.corners, DATA, EXPORT, little)) != len(whole)
    counted = []
    for costs in (DEFAULT, dear, little):
        monkeypatch.setattr(measuring, "measured", lambda *answers, costs=costs: costs)
        service = Service({}, RefusedError)
        arrived = list(fetching(service, EXPORT).process(whole))
        assert sorted((each.split, each.row, each.column) for each in arrived) == patches(whole)
        counted.append(len(service.calls))
    assert counted[0] == len(whole) == requests.expected(whole.corners, DATA, EXPORT).requests
    assert counted[1] > counted[0] == counted[2]


@pytest.mark.parametrize(
    ("seconds", "megapixel", "expected"),
    [
        (0.7, 5, DEFAULT),
        (0.5, 0.05, Costs(0.5, DEFAULT.megapixel / 64)),
        (0.5, 700, Costs(0.5, DEFAULT.megapixel * 64)),
        (40, 700, Costs(32, DEFAULT.megapixel * 64)),
    ],
)
def test_costs_are_believed_where_they_clearly_differ(seconds, megapixel, expected):
    meter, random = Meter(), np.random.default_rng(1)
    for pixels in np.geomspace(4096, 300_000, FEW).astype(int).tolist():
        assert meter.costs is None
        meter.add(pixels, (seconds + megapixel * pixels / 1e6) * random.uniform(0.998, 1.002))
    assert meter.costs.request == pytest.approx(expected.request)
    assert meter.costs.megapixel == pytest.approx(expected.megapixel)


def test_windows_of_one_size_do_not_tell_what_a_pixel_costs():
    assert measuring.measured([4096] * FEW, [9.0] * FEW) == DEFAULT


def test_progress_tells_rate_requests_and_the_time_left(caplog):
    now = [100.0]
    progress = Progress(40, 1040, lambda: Traffic(17, 20, 3), lambda: now[0])
    with caplog.at_level("INFO"):
        now[0] += 2
        progress.add(100)
        assert not caplog.text, "a line every few seconds"
        now[0] += 8
        progress.add(100)
    (line,) = caplog.messages
    assert line == (
        "export_examples: 240/1040 patches, 20/s, 17 of 20 requests under way, 3 refused (429), about 40 s left"
    )
    now[0] += 1000
    with caplog.at_level("INFO"):
        progress.add(800)
    assert caplog.messages[-1].startswith("export_examples: 1040/1040 patches, ")
    assert "left" not in caplog.messages[-1]


def test_progress_knows_no_time_left_before_the_requests_follow_each_other():
    progress = Progress(100, 300, lambda: Traffic(20, 20, 0), lambda: 0.0)
    progress.add(3)
    assert "left" not in progress.line(12.0)
    progress.add(17)
    assert progress.line(13.0).endswith("about 2 min left")


def test_progress_ends_without_what_is_left_to_tasks(caplog):
    now = [100.0]
    progress = Progress(0, 100, lambda: Traffic(1, 1, 0), lambda: now[0])
    now[0] += 2
    progress.leave(10)
    now[0] += 8
    with caplog.at_level("INFO"):
        progress.add(45)
        assert caplog.messages[-1].endswith(" 10 left to export tasks, about 10 s left")
        progress.add(45)
    assert caplog.messages[-1].endswith(" 10 left to export tasks")


def test_the_rate_is_that_of_the_last_minute():
    now = [0.0]
    progress = Progress(0, 100_000, lambda: Traffic(1, 1, 0), lambda: now[0])
    for second in range(0, 600, 5):
        now[0] = second + 5.0
        progress.add(500 if second < 300 else 50)
    assert ", 10/s, " in progress.line(now[0])


def test_counts_of_two_rounds_are_added():
    one = {"requests": 3, "t_count": 1, "t_mean": 4.0, "t_min": 4.0, "t_max": 4.0}
    other = {"requests": 2, "t_count": 3, "t_mean": 8.0, "t_min": 2.0, "t_max": 9.0, "further": 1}
    assert joined(one, other) == {
        "requests": 5,
        "t_count": 4,
        "t_mean": 7.0,
        "t_min": 2.0,
        "t_max": 9.0,
        "further": 1,
    }
