#!/usr/bin/env bash
# One would guess: onnx.reference is the yardstick: where it and ONNX Runtime differ, the runtime
#   has cut a corner.
# What happens: Here the yardstick is the wrong one: its LogSoftmax takes the logarithm of a
#   finished softmax, so (1000, 0) gives -inf for the second entry, and (120, 0) in float does as
#   well. ONNX Runtime gives -1000 and -120.
# Who meets it: engineers who check an exported classifier's loss against the reference evaluator.
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


single = model("LogSoftmax", TensorProto.FLOAT, 2)
for large in (1000.0, 120.0):
    at = numpy.array([large, 0.0], dtype=numpy.float32)
    expect(f"LogSoftmax({large:g}, 0) of the reference", by_reference(single, at).tolist(), [0.0, -numpy.inf])
    expect(f"LogSoftmax({large:g}, 0) of ONNX Runtime", by_runtime(single, at).tolist(), [0.0, -large])
PY
