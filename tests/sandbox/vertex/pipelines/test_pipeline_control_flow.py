"""Order, branches, loops, retries and exit handlers of pipelines that the installed KFP compiled."""

import time
from pathlib import Path

from kfp import dsl

from tests.sandbox.vertex.small_pipelines import PLAIN, Jobs, add, count, details, fail, nap, output, say, states


def test_independent_tasks_overlap(jobs: Jobs) -> None:
    @dsl.pipeline(name="parallel")
    def pipeline() -> None:
        for _ in range(3):
            nap(seconds=1.0)

    began = time.monotonic()
    job = jobs.run(pipeline)
    assert time.monotonic() - began < 2
    times = [(task["startTime"], task["endTime"]) for task in details(job).values()]
    assert max(start for start, _ in times) < min(end for _, end in times)


def test_conditions_trigger_one_branch_and_one_of_takes_its_output(jobs: Jobs) -> None:
    @dsl.pipeline(name="branches")
    def pipeline(n: int) -> None:
        total = add(a=n)
        with dsl.If(total.output == 3):
            first = say(text="three")
        with dsl.Elif(total.output > 3):
            second = say(text="more")
        with dsl.Else():
            third = say(text="less")
        say(text=dsl.OneOf(first.outputs["said"], second.outputs["said"], third.outputs["said"]))
        with dsl.If(total.output == 100):
            never = fail(text="not to be run")
            nap(seconds=0.0).after(never)

    for n, text in ((1, "three"), (5, "more"), (0, "less")):
        job = jobs.run(pipeline, n=n)
        assert output(job, "say-4", "said") == text
        found = states(job)
        assert found["condition-5"] == "NOT_TRIGGERED"
        assert not any(name.startswith("condition-5.") for name in found)
        assert sorted(found[f"condition-branches-1.condition-{i}"] for i in (2, 3, 4)) == [
            "NOT_TRIGGERED", "NOT_TRIGGERED", "SUCCEEDED",
        ]  # fmt: skip


def test_loops_nested_pipelines_and_collected(jobs: Jobs) -> None:
    @dsl.component(**PLAIN)
    def total(values: list) -> int:
        return sum(values)

    @dsl.pipeline(name="inner")
    def inner(a: int) -> int:
        return add(a=a, b=10).output

    @dsl.pipeline(name="loops")
    def pipeline(names: list = [1, 2, 3]) -> None:  # noqa: B006
        with dsl.ParallelFor(names, parallelism=1) as item:
            more = inner(a=item)
        total(values=dsl.Collected(more.output))
        with dsl.ParallelFor([{"a": 1, "b": 2}, {"a": 3, "b": 4}]) as item:
            add(a=item.a, b=item.b)

    job = jobs.run(pipeline)
    assert output(job, "total") == 36
    naps = [details(job)[f"for-loop-1-{i}"] for i in range(3)]
    assert naps[0]["endTime"] <= naps[1]["createTime"] and naps[1]["endTime"] <= naps[2]["createTime"]
    sums = [
        task["execution"]["metadata"]["output:Output"] for name, task in details(job).items() if name.endswith(".add")
    ]
    assert sorted(sums) == [3, 7, 11, 12, 13]
    empty = jobs.run(pipeline, names=[])
    assert output(empty, "total") == 0


def test_a_retry_succeeds_on_the_second_attempt(jobs: Jobs, tmp_path: Path) -> None:
    @dsl.pipeline(name="retry")
    def pipeline(folder: str) -> None:
        count(folder=folder, good=2).set_retry(3, backoff_duration="0s")

    job = jobs.run(pipeline, folder=str(tmp_path))
    assert output(job, "count", "result") == 2
    task = details(job)["count"]
    assert [status["state"] for status in task["pipelineTaskStatus"]] == ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"]
    container = task["executorDetail"]["containerDetail"]
    assert len(container["failedMainJobs"]) == 1 and container["failedMainJobs"][0] != container["mainJob"]


def test_back_off_grows_and_is_bounded() -> None:
    from earthline_sandbox.vertex.pipelines.specification import Retry

    assert [Retry(5, 10, 2, 35).wait(attempt) for attempt in range(4)] == [10, 20, 35, 35]
    assert Retry(5, 10, 2, 35).wait(10_000) == 35


def test_fail_fast_begins_nothing_more(jobs: Jobs) -> None:
    @dsl.pipeline(name="policy")
    def pipeline() -> None:
        fail(text="x")
        first = nap(seconds=0.5).set_caching_options(False)
        nap(seconds=0.0).after(first).set_caching_options(False)

    assert states(jobs.fails(pipeline))["nap-2"] == "SUCCEEDED"
    spec = jobs.compile(pipeline) | {"policy": "PIPELINE_FAILURE_POLICY_FAIL_FAST"}
    assert states(jobs.fails(spec)) == {"fail": "FAILED", "nap": "SUCCEEDED", "nap-2": "NOT_TRIGGERED"}


def test_exit_handlers_and_tasks_that_ignore_failures_run(jobs: Jobs) -> None:
    @dsl.component(**PLAIN)
    def farewell(status: dsl.PipelineTaskFinalStatus) -> str:
        return f"{status.state} {status.pipeline_task_name} {status.error_message}"

    @dsl.pipeline(name="exit")
    def pipeline() -> None:
        with dsl.ExitHandler(farewell()):
            fail(text="boom")

    job = jobs.fails(pipeline)
    assert states(job)["farewell"] == "SUCCEEDED"
    text = output(job, "farewell")
    assert text.startswith("FAILED exit-handler-1 ") and "boom" in text

    @dsl.component(**PLAIN)
    def broken() -> int:
        raise RuntimeError("no number")

    @dsl.pipeline(name="ignore")
    def ignoring() -> None:
        add(a=1, b=broken().output).ignore_upstream_failure()

    job = jobs.fails(ignoring)
    assert output(job, "add") == 3


def test_items_of_every_type_flow_into_texts(jobs: Jobs) -> None:
    @dsl.component(**PLAIN)
    def listed() -> list:
        return [3, 2.0, 0.25, 1e-7, True, "x", {"k": [1, None]}, ["y"]]

    @dsl.pipeline(name="texts")
    def pipeline(given: list) -> None:
        # KFP takes the items of what it has not seen for texts, and all items for what the first one is.
        with dsl.ParallelFor(listed().output) as item:
            say(text=item)
        with dsl.ParallelFor(given) as item:
            say(text=item)
        with dsl.ParallelFor([{"a": "t", "b": "u"}, {"a": 1, "b": False}]) as item:
            say(text=item.a)
            say(text=item.b)

    said: dict[str, list[str]] = {}
    for name, task in details(jobs.run(pipeline, given=[5, "z", {"q": 1}])).items():
        if "say" in name:
            said.setdefault(name.rpartition(".")[2], []).append(task["execution"]["metadata"]["output:said"])
    assert sorted(said.pop("say")) == sorted(["3", "2", "0.25", "0.0000001", "true", "x", '{"k": [1, null]}', '["y"]'])
    assert sorted(map(sorted, said.values())) == [["1", "t"], ["5", "z", '{"q": 1}'], ["false", "u"]]


def test_other_types_than_texts_take_their_own_alone(jobs: Jobs) -> None:
    @dsl.component(**PLAIN)
    def listed() -> list:
        return ["7"]

    @dsl.pipeline(name="numbers")
    def pipeline() -> None:
        with dsl.ParallelFor([{"a": 1}, {"a": "7"}]) as item:
            add(a=item.a)

    message = details(jobs.fails(pipeline))["for-loop-2-1.add"]["error"]["message"]
    assert "'a' must be a NUMBER_INTEGER, but is '7'" in message
