"""What a SavedModel's file tells before it is loaded: its size, its operations, and the names of its signatures."""

from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import kernels, op_def_registry

from components.prepare_saved_model.proof.case import Case, Refused, Undecided
from earthline.formats.served.contract import ARRAY_SIGNATURE, EXAMPLE_INPUT, EXAMPLE_SIGNATURE, TENSOR_SIGNATURE

FILE = "saved_model.pb"
SERVE = "serve"
"""Tag of the graph that is served."""
MOST_BYTES = 400 << 20
"""Size of a SavedModel that Google's own tool for Earth Engine takes: earthengine-api, ee/cli/commands.py."""
MOST_GRAPH_BYTES = (2 << 30) - 1
"""Of a protocol buffer: https://protobuf.dev/programming-guides/proto-limits/."""
_PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
"""They call Python code that no SavedModel holds: https://www.tensorflow.org/api_docs/python/tf/py_function."""
_FILES = frozenset({"ReadFile", "WriteFile", "MatchingFiles", "WholeFileReader", "WholeFileReaderV2"})
_ANYWHERE = frozenset({"CPU", "DEFAULT"})


def size(case: Case) -> str:
    """Whether the SavedModel is as small as others take it."""
    files = [path for path in case.folder.rglob("*") if path.is_file()]
    total, graph = sum(path.stat().st_size for path in files), (case.folder / FILE).stat().st_size
    if graph > MOST_GRAPH_BYTES:
        raise Refused(f"{FILE} has {graph:,} bytes; a graph of 2 GiB and more cannot be read", "use a smaller model")
    if total > MOST_BYTES:
        raise Undecided(
            f"{total / 2**20:,.0f} MiB: our own server takes it, `earthengine model prepare` takes no more than 400 MiB"
        )
    return f"{total / 2**20:.1f} MiB in {len(files)} files"


def operations(case: Case) -> str:
    """Whether a server on a processor, without code of ours, can compute every operation."""
    found = _operations(_meta_graph(case.folder))
    fix = "write these layers with Keras' or TensorFlow's own operations: train.model names the model"
    if python := sorted(found & _PYTHON):
        raise Refused(
            f"{', '.join(python)}: Python code that a SavedModel does not hold, so that no server has it", fix
        )
    if files := sorted(found & _FILES):
        raise Refused(f"{', '.join(files)}: it would read or write files of the server", fix)
    unknown = sorted(op for op in found if op_def_registry.get(op) is None)
    if unknown:
        raise Refused(f"{', '.join(unknown)}: operations that TensorFlow does not have; a session loader fails", fix)
    elsewhere = sorted(op for op in found if not _ANYWHERE & {kernel.device_type for kernel in _kernels(op)})
    if elsewhere:
        raise Refused(f"{', '.join(elsewhere)}: nothing computes them on a processor, where endpoints run", fix)
    return f"{len(found)} kinds, all of them TensorFlow's own and computed on processors"


def names(case: Case) -> str:
    """Whether each signature takes and gives what the contract says, by name."""
    contract = case.contract
    inputs = tuple(contract.named(dict.fromkeys(contract.inputs)))
    served = tuple(output.name for output in contract.outputs)
    wanted = {
        TENSOR_SIGNATURE: (inputs, served),
        ARRAY_SIGNATURE: (inputs, (contract.output,)),
        EXAMPLE_SIGNATURE: ((EXAMPLE_INPUT,), served),
    }
    there = _meta_graph(case.folder).signature_def
    problems = []
    for name, (takes, gives) in wanted.items():
        if name not in there:
            known = ", ".join(key for key in sorted(there) if not key.startswith("__"))
            problems.append(f"there is no signature '{name}', only {known or 'none'}")
            continue
        found = there[name]
        if set(found.inputs) != set(takes):
            problems.append(
                f"signature {name} takes {', '.join(sorted(found.inputs))} instead of {', '.join(takes)}: inputs are "
                "found by name, and renamed ones would be mixed up"
            )
        if set(found.outputs) != set(gives):
            problems.append(
                f"signature {name} names its output {', '.join(sorted(found.outputs))} instead of {', '.join(gives)}, "
                "which ee.Model's outputBands asks for"
            )
    if problems:
        raise Refused(
            "; ".join(problems),
            "give signatures functions with keyword arguments, one per input, and a dictionary by output, as "
            "components/prepare_saved_model/export.py does; neither model.export() nor tf.saved_model.save(model) do",
        )
    return f"{', '.join(wanted)} take {', '.join(inputs)} and give {', '.join(served)}"


def _meta_graph(folder: Path) -> Any:
    path = folder / FILE
    if path.stat().st_size > MOST_GRAPH_BYTES:
        raise Refused(f"{FILE} is too large to be read")
    read = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for each in read.meta_graphs:
        if SERVE in each.meta_info_def.tags:
            return each
    raise Refused(f"{FILE} holds no graph with the tag '{SERVE}'", "write it with tf.saved_model.save")


def _operations(meta_graph: Any) -> set[str]:
    """Of the graph and of the functions that it calls; a call names its function as if it were an operation."""
    library = meta_graph.graph_def.library.function
    nodes = [*meta_graph.graph_def.node, *(node for function in library for node in function.node_def)]
    return {node.op for node in nodes} - {function.signature.name for function in library}


def _kernels(op: str) -> Any:
    return kernels.get_registered_kernels_for_op(op).kernel
