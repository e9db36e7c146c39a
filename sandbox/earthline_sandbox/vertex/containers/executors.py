"""Commands that a fork can stand for: KFP's Python executor, and modules that `python3 -m` runs.

KFP compiles a Python function to `sh -ec SCRIPT SOURCE ARGUMENTS…`, whose script writes the source to a file and runs
`python3 -m kfp.dsl.executor_main` on it. Most of what such a task takes is the start of the interpreter and what it
imports. Where a command is exactly that, or exactly `python3 -m MODULE ARGUMENTS…`, and the environment asks for
nothing that an interpreter or a library reads only at its start, a zygote (`zygotes.py`) forks instead.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_EXECUTOR: Final = "kfp.dsl.executor_main"
_SCRIPT: Final = (
    'program_path=$(mktemp -d) printf "%s" "$0" > "$program_path/ephemeral_component.py" _KFP_RUNTIME=true python3 -m'
    ' kfp.dsl.executor_main --component_module_path "$program_path/ephemeral_component.py" "$@"'
)
"""What kfp 2 compiles a function without packages to install to (component_factory.py), its white space folded."""

_MODULE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)

_OF_THE_START: Final = (
    "GLIBC_", "HOME", "KFP_", "LANG", "LC_", "LD_", "MALLOC_", "PYTHON", "SANDBOX_", "_KFP",
)  # fmt: skip
"""Beginnings of variables that the interpreter, its libraries or KFP read when they start."""

_OF_LIBRARIES: Final = (
    "ABSL_", "ARROW_", "BLIS_", "CPL_", "CUBLAS", "CUDA_", "CUDNN", "DNNL_", "GDAL_", "GOMP_", "GOTO_",
    "GRPC_", "KERAS_", "KMP_", "MKL_", "NCCL_", "NPY_", "NUMBA_", "NUMEXPR_", "NUMPY_", "NVIDIA_", "OGR_",
    "OMP_", "ONEDNN_", "ONNX", "OPENBLAS_", "OPENVINO_", "OV_", "PROJ_", "PROTOCOL_BUFFERS_", "SKLEARN_", "TBB_",
    "TCMALLOC_", "TENSORFLOW_", "TF_", "TPU_", "VECLIB_", "XLA_",
)  # fmt: skip
"""Beginnings of variables that libraries in C read while they are loaded.

What libraries ask of `os.environ` meanwhile, the zygote notes by itself (`site/preloading.py`).
"""


@dataclass(frozen=True)
class Call:
    """A command that a fork can stand for.

    Attributes:
        module: What `python3 -m` runs.
        arguments: What it gets.
        source: Source of the component, where the module is KFP's executor; None elsewhere.
    """

    module: str
    arguments: tuple[str, ...]
    source: str | None = None


def recognise(command: Sequence[str]) -> Call | None:
    """What a command line asks for; None where only a start of its own can be equal to it."""
    match list(command):
        case ["sh", "-ec", script, source, *arguments] if " ".join(script.split()) == _SCRIPT:
            return Call(_EXECUTOR, tuple(arguments), source)
        # Whether `-u` is there makes no difference: PYTHONUNBUFFERED is set for every container.
        case ["python3", "-m", module, *arguments] | ["python3", "-u", "-m", module, *arguments]:
            return Call(module, tuple(arguments)) if _MODULE.fullmatch(module) else None
    return None


def of_the_start(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that the interpreter or KFP reads only when it starts."""
    return {key: value for key, value in environment.items() if key.startswith(_OF_THE_START)}


def of_libraries(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that libraries read only while they are loaded."""
    return {key: value for key, value in environment.items() if key.startswith(_OF_LIBRARIES)}
