"""What is changed in a network of OpenVINO before it is compiled."""

from typing import Any

_TURNED = [0, 2, 3, 1]
"""From planes to pixels, as a Keras network has it at its end."""
# Without this mark a division by constants becomes a product with their inverse, which is joined with a subtraction
# before it: in the normalization of imagery digits then cancel out. The quickstart's network was 25 times as far from
# exact numbers as in TensorFlow (src/common/transformations/src/transformations/rt_info/nonconvertible_divide.cpp).
_TRUE_DIVISION = "nonconvertable_divide_0"


def keep_divisions(network: Any) -> None:
    """Has a network divide where it says so."""
    for operation in network.get_ops():
        if operation.get_type_name() == "Divide":
            operation.get_rt_info()[_TRUE_DIVISION] = True


def end_on_planes(network: Any, *, turned: bool) -> bool:
    """Has a network that turns its planes into pixels at its end do so last, or leave it.

    A softmax over the few entries of each pixel is slow: over planes, many pixels are computed at once, which saves the
    network of a benchmark four hundredths of its time. Who makes classes of the planes would only turn them back.

    Args:
        network: Of OpenVINO, float32 (tiles, height, width, entries) out.
        turned: Whether that is what it gives afterwards too; else (tiles, entries, height, width).

    Returns:
        True where it gives planes; False where it does not, or ends in another way.
    """
    from openvino import opset13 as operations

    (result,) = network.get_results()
    last = result.input_value(0).get_node()
    over_entries = last.get_type_name() == "Softmax" and last.get_attributes()["axis"] in (-1, 3)
    turn = last.input_value(0).get_node() if over_entries else last
    if turn.get_type_name() != "Transpose" or turn.input_value(1).get_node().get_type_name() != "Constant":
        return False
    if turn.input_value(1).get_node().get_data().tolist() != _TURNED:
        return False
    planes = turn.input_value(0)
    if over_entries:
        planes = operations.softmax(planes, 1).output(0)
    if turned:
        planes = operations.transpose(planes, operations.constant(_TURNED)).output(0)
    result.input(0).replace_source_output(planes)
    network.validate_nodes_and_infer_types()
    return not turned
