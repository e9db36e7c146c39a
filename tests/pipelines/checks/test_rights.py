from earthline.config import load
from pipelines.checks.rights import BUCKET, of_submitter

CONFIG = """
name: points
data:
  imagery: {image: a/b, bands: [B1]}
  labels:
    file: points.csv
    field: kind
    classes:
      - {name: forest, color: "#1b7837", values: [wood]}
      - {name: water, color: "#2b8cbe", values: [lake]}
"""


def test_labels_that_become_a_table_take_rights_to_upload_them(tmp_path):
    def needed(count):
        rows = (f"{10 + number / 1000},50,{'wood' if number % 2 else 'lake'}\n" for number in range(count))
        (tmp_path / "points.csv").write_text("lon,lat,kind\n" + "".join(rows))
        (tmp_path / "config.yaml").write_text(CONFIG)
        return of_submitter(load(tmp_path / "config.yaml"))

    few, many = needed(10), needed(3000)
    added = {(right.permission, right.on == BUCKET) for right in set(many) - set(few)}
    assert added == {
        ("earthengine.assets.create", False),
        ("earthengine.imports.create", False),
        ("storage.objects.create", True),
        ("storage.objects.delete", True),
    }
