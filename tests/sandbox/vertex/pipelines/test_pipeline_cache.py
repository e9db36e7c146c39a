"""When a task takes its result from an earlier one, and when it does not."""

from pathlib import Path

from kfp import dsl

from tests.sandbox.vertex.small_pipelines import Jobs, copy, count, details, states


def test_cache_hit_invalidation_and_lost_objects(jobs: Jobs, tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    @dsl.pipeline(name="cache")
    def pipeline(marks: str) -> None:
        data = dsl.importer(artifact_uri="gs://bucket/data.txt", artifact_class=dsl.Artifact, reimport=False)
        first = copy(data=data.output, marks=marks)
        copy(data=first.outputs["out"], marks=marks)

    def runs() -> int:
        return len(marks.read_text().splitlines())

    source = jobs.storage / "bucket" / "data.txt"
    source.write_text("one")
    first = jobs.run(pipeline, marks=str(marks))
    assert (runs(), states(first)["copy"]) == (2, "SUCCEEDED")
    second = jobs.run(pipeline, marks=str(marks))
    assert runs() == 2
    task = details(second)["copy"]
    assert (task["state"], task["execution"]["state"]) == ("SKIPPED", "CACHED")
    assert (
        task["outputs"]["out"]["artifacts"][0]["uri"] == details(first)["copy"]["outputs"]["out"]["artifacts"][0]["uri"]
    )
    assert "startTime" not in task or task["endTime"] >= task["startTime"]

    source.write_text("two")
    third = jobs.run(pipeline, marks=str(marks))
    assert runs() == 4

    lost = details(third)["copy-2"]["outputs"]["out"]["artifacts"][0]["uri"]
    (jobs.storage / lost.removeprefix("gs://")).unlink()
    fourth = jobs.run(pipeline, marks=str(marks))
    assert (runs(), states(fourth)["copy"], states(fourth)["copy-2"]) == (5, "SKIPPED", "SUCCEEDED")

    spec = jobs.compile(pipeline)
    for task in spec["root"]["dag"]["tasks"].values():
        task["cachingOptions"] = {}
    jobs.run(spec, marks=str(marks))
    assert runs() == 7
    spec = jobs.compile(pipeline)
    spec["deploymentSpec"]["executors"]["exec-copy-2"]["container"]["image"] = "another"
    jobs.run(spec, marks=str(marks))
    assert runs() == 8


def test_pipelines_of_another_name_share_no_results(jobs: Jobs, tmp_path: Path) -> None:
    @dsl.pipeline(name="one-name")
    def pipeline(folder: str) -> None:
        count(folder=folder, good=1).set_caching_options(True, cache_key="mine")
        count(folder=folder, good=0)

    spec = jobs.compile(pipeline)
    other = jobs.compile(pipeline)
    other["pipelineInfo"]["name"] = "other-name"
    jobs.run(dict(spec), folder=str(tmp_path))
    assert set(states(jobs.run(dict(other), folder=str(tmp_path))).values()) == {"SUCCEEDED"}
    assert set(states(jobs.run(dict(spec), folder=str(tmp_path))).values()) == {"SKIPPED"}
