"""Code that opens Cloud Storage below `/gcs/`, as Vertex AI mounts it, where containers are processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

from kfp import dsl

from earthline_sandbox.vertex.containers.processes import SITE
from tests.sandbox.vertex.small_pipelines import PLAIN, Jobs, details, output, shell

# Not what a component of KFP does, but any program that Vertex AI runs.
PROGRAM = """
import errno, glob, json, os, pathlib, shutil, tempfile

folder = "/gcs/bucket/made/deep"
os.makedirs(folder, exist_ok=True)
with open(f"{folder}/a.txt", "w") as file:
    file.write("one")
path = pathlib.Path(folder) / "b.txt"
path.write_text("two")
shutil.copytree(folder, "/gcs/bucket/copy")
os.replace("/gcs/bucket/copy/a.txt", b"/gcs/bucket/copy/c.txt")
os.remove(path="/gcs/bucket/copy/b.txt")
shutil.copy2("/gcs/bucket/copy/c.txt", "/gcs/bucket/copy/d.txt")
shutil.rmtree("/gcs/bucket/made/deep/..//deep/")
refused = []
missing = "/gcs/none/x"
for make in (lambda: os.makedirs(missing), lambda: open(missing, "w"), lambda: pathlib.Path(missing).parent.mkdir()):
    try:
        make()
    except OSError as error:
        refused.append(errno.errorcode[error.errno])
os.makedirs("/gcs/bucket", exist_ok=True)
with tempfile.TemporaryDirectory(dir="/gcs/bucket") as scratch:
    pathlib.Path(scratch, "x").touch()
print(json.dumps({
    "buckets": sorted(os.listdir("/gcs")),
    "found": sorted(glob.glob("/gcs/bucket/**/*", recursive=True)),
    "walked": [[*step[:2], sorted(step[2])] for step in os.walk("/gcs/bucket/copy")],
    "size": os.path.getsize("/gcs/bucket/copy/c.txt"),
    "refused": refused,
    "others": [os.path.exists(path) for path in ("/gcs/../etc", "/gcsx", "/etc", "/gcs", "/gcs/none")],
}))
"""


def test_python_finds_the_mount(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(SITE), "SANDBOX_GCS_MOUNT": f"{tmp_path}/"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["buckets"] == ["bucket"] == os.listdir(tmp_path)
    copy, made = "/gcs/bucket/copy", "/gcs/bucket/made"
    assert found["found"] == [copy, f"{copy}/c.txt", f"{copy}/d.txt", made]
    assert found["walked"] == [[copy, [], ["c.txt", "d.txt"]]]
    assert found["size"] == 3 and (tmp_path / "bucket" / "copy" / "d.txt").read_text() == "one"
    assert found["refused"] == ["ENOSYS", "ENOENT", "ENOSYS"]
    assert found["others"] == [True, False, True, True, False]


def test_components_write_below_the_mount(jobs: Jobs) -> None:
    @dsl.component(**PLAIN)
    def write(folder: str, table: dsl.Output[dsl.Dataset]) -> str:
        import os

        path = folder.replace("gs://", "/gcs/")
        os.makedirs(path, exist_ok=True)
        with open(f"{path}/rows.csv", "w") as file:
            file.write("a,b")
        table.path = f"{path}/rows.csv"
        return path

    @dsl.component(**PLAIN)
    def read(path: str, table: dsl.Input[dsl.Dataset]) -> str:
        with open(table.path) as one, open(f"{path}/rows.csv") as two:
            return one.read() + "|" + two.read()

    @dsl.pipeline(name="mounted")
    def pipeline() -> None:
        made = write(folder="gs://bucket/tables")
        read(path=made.outputs["Output"], table=made.outputs["table"])

    job = jobs.run(pipeline)
    assert output(job, "read") == "a,b|a,b"
    # What flows between tasks is what flows on Vertex AI.
    assert output(job, "write") == "/gcs/bucket/tables"
    assert details(job)["write"]["outputs"]["table"]["artifacts"][0]["uri"] == "gs://bucket/tables/rows.csv"
    assert (jobs.storage / "bucket" / "tables" / "rows.csv").read_text() == "a,b"


def test_programs_that_cannot_find_it_fail_with_the_way_out(jobs: Jobs) -> None:
    @dsl.container_component
    def cat(path: str):  # type: ignore[no-untyped-def]  # KFP wants no annotation here
        return shell('cat "$1"', path)

    @dsl.pipeline(name="unmounted")
    def pipeline() -> None:
        cat(path="/gcs/bucket/x")

    message = details(jobs.fails(pipeline))["cat"]["error"]["message"]
    assert "/gcs/bucket/x" in message and "start the sandbox with containers" in message
