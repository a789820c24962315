#!/usr/bin/env bash
# One would guess: ONNX Runtime's Sigmoid loses a few last bits against the reference; a double
#   model is good to about 1e-16 relative.
# What happens: Small probabilities are lost whole. In double, Sigmoid(-40) is 0.0 instead of
#   4.2e-18. In float, every input below -18 gives one and the same number, less than half of which
#   is right: at -20 the reference has 2.06e-09. A log behind it is -inf or wrong by its whole size.
# Who meets it: engineers who export a small classifier and compare its log-probabilities, or their
#   derivatives, with those before the export.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$work"

"$python" -I - <<'PY'
import sys
import warnings

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "numpy", numpy.__version__)
warnings.simplefilter("ignore")


def model(op, kind, size):
    node = helper.make_node(op, ["x"], ["y"])
    ends = [helper.make_tensor_value_info(name, kind, [size]) for name in "xy"]
    graph = helper.make_graph([node], op, ends[:1], ends[1:])
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(whole, full_check=True)
    return whole


def by_reference(whole, x):
    return ReferenceEvaluator(whole).run(None, {"x": x})[0]


def by_runtime(whole, x):
    session = onnxruntime.InferenceSession(whole.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


double = model("Sigmoid", TensorProto.DOUBLE, 1)
at = numpy.array([-40.0])
expect("double, Sigmoid(-40) of the reference", float(by_reference(double, at)[0]), 4.248354255291589e-18)
expect("double, Sigmoid(-40) of ONNX Runtime", float(by_runtime(double, at)[0]), 0.0)

single = model("Sigmoid", TensorProto.FLOAT, 3)
at = numpy.array([-20.0, -40.0, -80.0], dtype=numpy.float32)
right, seen = by_reference(single, at), by_runtime(single, at)
print("float, Sigmoid(-20, -40, -80) of the reference:", right.tolist())
print("float, Sigmoid(-20, -40, -80) of ONNX Runtime:", seen.tolist())
expect("one number for all three", len(set(seen.tolist())), 1)
expect("less than half right at -20", bool(abs(seen[0] - right[0]) > 0.5 * right[0]), True)
PY
