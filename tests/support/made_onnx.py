"""Small ONNX graphs of every shape that a user may bring."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

Lengths = Sequence[int | str]

FREE: Lengths = ("n", 3, "h", "w")


def put_onnx(
    file: Path,
    *,
    takes: Lengths = FREE,
    kind: str = "FLOAT",
    strides: Mapping[str, int] | None = None,
    tokens: int | None = None,
    second: bool = False,
    seed: int = 0,
) -> Path:
    """Write a graph that filters pictures at random.

    Args:
        file: where.
        takes: lengths of its input `image`.
        kind: of the input.
        strides: output → pixels a cell; `maps` of 16 by default, with 5 features.
        tokens: so many before those of the patches, as (n, t, c), in place of maps.
        second: whether it takes another input as well.
        seed: of the filters.
    """
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    nodes, outputs, constants = [], [], []
    given = "image"
    if kind != "FLOAT":
        nodes.append(helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT))
        given = "cast"
    if len(takes) == 3:
        constants.append(numpy_helper.from_array(np.array([1], np.int64), "colour"))
        nodes.append(helper.make_node("Unsqueeze", [given, "colour"], ["grey"]))
        nodes.append(helper.make_node("Concat", ["grey"] * 3, ["coloured"], axis=1))
        given = "coloured"
    colours = takes[1] if len(takes) == 4 and isinstance(takes[1], int) else 3
    for name, stride in (strides or {"maps": 16}).items():
        kernel = rng.normal(0, 0.1, (5, colours, stride, stride)).astype(np.float32)
        constants.append(numpy_helper.from_array(kernel, f"{name}_kernel"))
        made = name if tokens is None else f"{name}_maps"
        node = helper.make_node("Conv", [given, f"{name}_kernel"], [made], strides=[stride] * 2)
        nodes.append(node)
        lengths: Lengths = ("n", 5, "rows", "columns")
        if tokens is not None:
            lengths = ("n", "t", 5)
            flat = np.array([0, 5, -1], np.int64)
            before = rng.normal(0, 1, (1, tokens, 5)).astype(np.float32)
            constants.append(numpy_helper.from_array(flat, "flat"))
            constants.append(numpy_helper.from_array(before, "before"))
            nodes.append(helper.make_node("Reshape", [made, "flat"], ["flattened"]))
            nodes.append(helper.make_node("Transpose", ["flattened"], ["patches"], perm=[0, 2, 1]))
            nodes.append(helper.make_node("Concat", ["before", "patches"], [name], axis=1))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, lengths))
    inputs = [helper.make_tensor_value_info("image", getattr(TensorProto, kind), takes)]
    if second:
        inputs.append(helper.make_tensor_value_info("text", TensorProto.FLOAT, [1]))
    graph = helper.make_graph(nodes, "made", inputs, outputs, constants)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    file.write_bytes(model.SerializeToString())
    return file
