"""`train.replicas: 2` through the whole pipeline: a custom job of a chief and a worker, which train one model.

Its map comes by gRPC, which needs another port of the container, another way through Vertex AI, and no run of its own.
"""

import pytest

from .conftest import Laptop, tiny


@pytest.mark.long
def test_two_machines_train_one_model_and_its_map_comes_by_grpc(laptop: Laptop, quickstart: str) -> None:
    settings = tiny("machines", "train.replicas=2", "train.epochs=3", "serving.payload_format=GRPC_TF_TENSORS")
    laptop.earthline("run", quickstart, *settings)
    (run,) = laptop.folder.glob("runs/machines-*")
    assert (run / "map.tif").is_file()
    assert '"payloadFormat": "GRPC_TF_TENSORS"' in (run / "ee_model.json").read_text()
    logs = laptop.earthline("runs", "logs", run.name, "train_model")
    assert logs.count("3 steps an epoch on 2 device(s)") == 1, logs
    assert "epoch 3/3: loss" in logs
