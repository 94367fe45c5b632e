"""Sessions of onnxruntime: on the CPU, or on a GPU where it has one."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")


def open_session(graph: str | bytes) -> "InferenceSession":
    """Load a graph, from its file or its bytes, to be run on one thread.

    Raises:
        ImportError: onnxruntime is not installed.
        Exception: what it can't read as a graph; its errors have no common base.
    """
    # It would tell its maker of each start, and keep a mark of this machine in the user's cache.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # The callers' own processes and threads share the cores among themselves.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Scratch memory goes back after each image: without that it is twice as much, for little time.
    options.enable_cpu_mem_arena = False
    providers = [own for own in _PROVIDERS if own in onnxruntime.get_available_providers()]
    return onnxruntime.InferenceSession(graph, options, providers)
