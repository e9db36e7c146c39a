"""A pipeline of two steps whose outputs are named as those of the real one, for tests of what surrounds it."""

import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from kfp import compiler, dsl
from kfp.dsl import HTML, Artifact, Input, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def evaluate_model(seconds: float, evaluation: Output[Artifact]) -> str:
    import json
    import time
    from pathlib import Path

    folder = Path(evaluation.path)
    folder.mkdir(parents=True)
    for number in range(10):
        print(f"epoch {number + 1}/10", flush=True)
        print(json.dumps({"epoch": number + 1, "losses": [1, 0.5], "note": "so far"}, indent=2), flush=True)
        print("I0000 00:00:1795277087.411688   29425 port.cc:153] oneDNN custom operations are on.", flush=True)
        time.sleep(seconds / 10)
    scores = {"metrics": {"accuracy": {"value": 0.7, "interval": {"low": 0.65, "high": 0.75}}}}
    forest = {"name": "forest", "description": "", "scores": {"metrics": {"accuracy": {"value": 0.6}}}}
    test = {"pixels": 10, "patches": 1, "blocks": 1, "confidence": 0.95}
    task = {"name": "classification", "output": "probabilities", "entries": ["a", "b"], "kind": "classes"}
    gate = {
        "metric": "accuracy",
        "blessed": True,
        "compared_with": "forest",
        "gain": 0.1,
        "gain_interval": None,
        "min_gain": 0,
        "reason": "better",
    }
    measures = {"accuracy": {"title": "overall accuracy", "short": "accuracy"}}
    content = {"task": task, "measures": measures, "model": scores, "baselines": [forest], "test": test, "gate": gate}
    (folder / "evaluation.json").write_text(json.dumps(content))
    return "blessed"


@dsl.component(base_image="earthline", install_kfp_package=False)
def predict_map(fail: bool, evaluation: Input[Artifact], map: Output[Artifact], report: Output[HTML]):
    from pathlib import Path

    if fail:
        raise ValueError("shard 3 holds NaN in band B4")
    folder = Path(map.path)
    folder.mkdir(parents=True)
    (folder / "map.tif").write_bytes(b"tif")
    (folder / "map.png").write_bytes(b"png")
    Path(report.path).write_text("<p>report</p>")


@dsl.pipeline(name="tiny")
def tiny(seconds: float = 1.0, fail: bool = False, blessing: str = "blessed") -> None:
    evaluated = evaluate_model(seconds=seconds)
    with dsl.If(evaluated.outputs["Output"] == blessing):
        mapped = predict_map(fail=fail, evaluation=evaluated.outputs["evaluation"])
        mapped.set_retry(num_retries=1, backoff_duration="0s")


def template(**defaults: Any) -> bytes:
    """The compiled pipeline, with other defaults of its parameters."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.yaml"
        compiler.Compiler().compile(tiny, str(path))
        spec = copy.deepcopy(yaml.safe_load(path.read_text()))
    for name, value in defaults.items():
        spec["root"]["inputDefinitions"]["parameters"][name]["defaultValue"] = value
    return yaml.safe_dump(spec).encode()
