"""Follows export tasks from the first request to the last result, whoever began them.

What was asked for is told in the bucket before Earth Engine hears of it, and Earth Engine knows a request that comes
twice: a process that is killed at any moment leaves tasks that the next one takes up, and none is begun twice.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NoReturn

from google.api_core.exceptions import NotFound

from components.export_examples.batch import proof
from components.export_examples.batch.failures import CANCELLED, Treatment, told, treatment
from components.export_examples.batch.operations import Operations, QueueFullError
from components.export_examples.batch.recipe import Array, Corner, Recipe
from components.export_examples.batch.task import Ledger, Task
from components.export_examples.job import Job
from earthline.earth_engine.retry import PixelsError
from earthline.formats import shards
from earthline.formats.examples import features

MOST_QUEUED = 100
"""Tasks under way at once. Earth Engine queues 3,000 of a project, which others may need too, and runs a few."""
LOOKED_AT = 20
"""Tasks that are asked about at once, the oldest first: that is the order in which Earth Engine runs them."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between questions."""
PROGRESS_SECONDS = 60.0
MOST_WAITING = 20
"""Patches of a task that wait until one of them is proved."""
TILE_SCALES = (1, 4, 16)
"""Of Earth Engine's `tileScale`: what is tried in turn against a lack of memory."""
_logger = logging.getLogger(__name__)

Take = Callable[[Corner, Array], None]


class BatchError(RuntimeError):
    """Earth Engine's tasks do not give the patches; the text says why and what to do."""


class Following:
    """Exports patches by tasks.

    Attributes:
        begun: Number of tasks that were begun.
    """

    def __init__(self, job: Job, folder: str) -> None:
        """Asks nothing yet; the process must be connected to Earth Engine.

        Args:
            job: What is exported.
            folder: gs:// folder for what is told of the tasks, and for their results; of this export alone.
        """
        self._job = job
        self._recipe = Recipe(job.data, job.grid, job.export.patch_shape)
        self._ledger = Ledger(folder, job.project)
        self._operations = Operations(job, self._recipe, self._ledger)
        self._begun: dict[str, Task] = {}
        self._again: deque[Task] = deque()
        self._tries: Counter[str] = Counter()
        self.begun = 0
        self._done, self._total, self._proved = 0, 0, False
        self._said = time.monotonic()

    def run(self, wanted: Array, take: Take, keep: Callable[[], None], witness: Corner | None = None) -> None:
        """Brings patches; goes on where another process stopped.

        Args:
            wanted: First pixels, whole numbers (patches, 2): rows and columns.
            take: Gets each patch's first pixel, and what `windows.fetch_patch` would give for it.
            keep: Is called after the patches of each task; what was taken must last from then on, as the task's result
                is removed next.
            witness: A patch beside the wanted ones that requests may give. Every new task gets it too: the wanted ones
                may be those that no request gives, and then prove nothing.

        Raises:
            BatchError: A task fails for good; what other tasks gave is kept, the rest of them is cancelled.
            PixelsError: Earth Engine does not answer.
            google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
        """
        asked = {(int(row), int(column)) for row, column in wanted}
        self._done, self._total = 0, len(asked)
        new = self._cut(sorted(asked - self._taken_up(asked)), [] if witness is None else [witness])
        pause, more = FIRST_PAUSE, True
        while True:
            more = self._submit(new, more)
            if not self._begun and not more:
                return
            finished = False
            for task, operation in self._finished():
                finished = True
                if "error" in operation:
                    self._failed(task, operation["error"])
                else:
                    self._collect(task, asked, take, keep)
            self._tell()
            pause = FIRST_PAUSE if finished else min(LONGEST_PAUSE, 1.5 * pause)
            if not finished:
                time.sleep(pause)

    def _taken_up(self, asked: set[Corner]) -> set[Corner]:
        """Takes up the tasks of an earlier process; gives their patches."""
        covered: set[Corner] = set()
        unsure = []
        for task in self._told_of(asked):
            if asked.isdisjoint(task.corners):
                self._ledger.forget(task)
                continue
            covered.update(task.corners)
            if task.operation:
                self._begun[task.name] = task
            else:
                unsure.append(task)
        known = self._operations.listed() if unsure else {}
        for task in unsure:
            # Its request may have reached Earth Engine, and the answer nobody.
            if task.request_id in known:
                self._note(task, known[task.request_id])
            else:
                self._again.append(task)
        if covered:
            _logger.info(
                "export_examples: takes up %d export tasks of an earlier run, of %d patches",
                len(self._begun) + len(self._again),
                len(covered & asked),
            )
        return covered

    def _told_of(self, asked: set[Corner]) -> list[Task]:
        """The tasks of an earlier process, each wanted patch in one: it may have ended while it cut one task in two."""
        kept: list[Task] = []
        for task in sorted(self._ledger.tasks(), key=lambda task: len(task.corners), reverse=True):
            wanted = asked.intersection(task.corners)
            whole = next((other for other in kept if not wanted.isdisjoint(other.corners)), None)
            if whole is None:
                kept.append(task)
            else:
                self._ledger.forget(task)
        return kept

    def _cut(self, corners: list[Corner], beside: list[Corner]) -> Iterator[Task]:
        most = max(1, self._job.export.patches_per_task - len(beside))
        if corners:
            _logger.info(
                "export_examples: %d patches go to %d export tasks of Earth Engine, which go on when this process "
                "ends; the next run takes them up",
                len(corners),
                -(-len(corners) // most),
            )
        for begin in range(0, len(corners), most):
            yield Task.of([*beside, *corners[begin : begin + most]])

    def _submit(self, new: Iterator[Task], more: bool) -> bool:
        """Begins as many tasks as may be under way; False where nothing is left to begin."""
        while len(self._begun) < MOST_QUEUED:
            task = self._again.popleft() if self._again else next(new, None) if more else None
            if task is None:
                return False
            self._ledger.write(task)
            try:
                name = self._operations.begin(task)
            except QueueFullError:
                self._again.appendleft(task)
                return True
            self.begun += 1
            self._note(task, name)
        return True

    def _note(self, task: Task, operation: str) -> None:
        begun = Task(task.name, task.corners, task.attempt, task.tile_scale, operation)
        self._ledger.write(begun)
        self._begun[task.name] = begun

    def _finished(self) -> Iterator[tuple[Task, dict[str, Any]]]:
        for task in list(self._begun.values())[:LOOKED_AT]:
            operation = self._operations.of(task)
            if operation.get("done"):
                del self._begun[task.name]
                yield task, operation

    def _collect(self, task: Task, asked: set[Corner], take: Take, keep: Callable[[], None]) -> None:
        missing = set(range(len(task.corners)))
        try:
            for index, pixels in self._proven(task, asked):
                corner = task.corners[index]
                if corner in asked and index in missing:
                    take(corner, pixels)
                    self._done += 1
                missing.discard(index)
        except NotFound:
            pass
        except (ValueError, IndexError) as error:
            self._stop(task, f"its result is not what was asked for: {error}")
        if missing:
            self._retry(task, f"its result lacks {len(missing):,} of {len(task.corners):,} patches")
            return
        keep()
        self._ledger.forget(task)

    def _rows(self, task: Task) -> Iterator[tuple[int, Array]]:
        with self._ledger.opened(task) as file:
            for record in shards.records(file, f"result of {task.request_id}"):
                yield self._recipe.pixels(features(record))

    def _proven(self, task: Task, asked: set[Corner]) -> Iterator[tuple[int, Array]]:
        """A task's patches; the first task's come after a look at one, if it can be one that is here already."""
        rows = self._rows(task)
        if not self._proved:
            waiting: list[tuple[int, Array]] = []
            # What was asked for first comes first, but nothing promises it: not too many wait for it.
            for index, pixels in islice(rows, MOST_WAITING):
                waiting.append((index, pixels))
                if task.corners[index] not in asked:
                    break
            if waiting:
                index, pixels = min(waiting, key=lambda row: task.corners[row[0]] in asked)
                self._proved = True
                wrong = proof.objection(self._job, task.corners[index], pixels)
                if wrong:
                    self._stop(task, wrong)
            yield from waiting
        yield from rows

    def _failed(self, task: Task, error: dict[str, Any]) -> None:
        found = treatment(error)
        larger = [scale for scale in TILE_SCALES if scale > task.tile_scale]
        if found is Treatment.SPARING and larger:
            self._retry(task, told(error), tile_scale=larger[0])
        elif found in (Treatment.SPARING, Treatment.HALVES) and len(task.corners) > 1:
            middle = len(task.corners) // 2
            _logger.warning("export_examples: %s: %s; its patches go to two tasks", task.request_id, told(error))
            halves = [Task.of(half, task.tile_scale) for half in (task.corners[:middle], task.corners[middle:])]
            # In this order: whoever finds the task and a half of it begins again with the task.
            for half in halves:
                self._ledger.write(half)
            self._ledger.forget(task)
            self._again.extend(halves)
        elif found is Treatment.AGAIN:
            self._retry(task, told(error))
        elif error.get("code") == CANCELLED:
            self._stop(task, "somebody cancelled it; run again to go on with what is left")
        else:
            self._stop(task, told(error))

    def _retry(self, task: Task, why: str, tile_scale: int | None = None) -> None:
        self._tries[task.name] += 1
        if self._tries[task.name] >= self._job.export.attempts:
            self._stop(task, f"{why}; it was tried {self._tries[task.name]} times")
        _logger.warning("export_examples: %s: %s; once more", task.request_id, why)
        again = task.again(tile_scale)
        self._ledger.write(again)
        self._again.append(again)

    def _stop(self, task: Task, why: str) -> NoReturn:
        """Ends the export: the task may be begun anew by the next run, the others are not paid for any longer."""
        self._ledger.write(task.again())
        for other in self._begun.values():
            try:
                self._operations.cancel(other)
            except PixelsError as error:
                # It may be done: then the next run takes its result.
                _logger.warning("export_examples: %s", error)
            else:
                self._ledger.write(other.again())
        raise BatchError(f"export task {task.request_id} ({task.operation}): {why}")

    def _tell(self) -> None:
        if time.monotonic() - self._said >= PROGRESS_SECONDS:
            self._said = time.monotonic()
            _logger.info(
                "export_examples: %d/%d patches, %d export tasks under way", self._done, self._total, len(self._begun)
            )
