#!/usr/bin/env bash
# One would guess: the numbers of a computational graph survive NetworkX's own formats: what its
#   writer accepts, its reader accepts, and an attribute keeps its value.
# What happens: GEXF takes the type of an attribute from the first node: gradients 0 and 0.5, in
#   this order, are written and cannot be read; in the other order they can. GML writes
#   numpy.float64(0.5) as NP.FLOAT64(0.5), which its reader refuses. Cytoscape JSON puts the node's
#   name in place of an attribute called 'value'.
# Who meets it: people who export a small graph with its values and gradients; a leaf that
#   backward() did not reach has the integer gradient 0.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install networkx==3.6.1 numpy==2.4.6
cd "$work"

"$python" -I - <<'PY'
import io
import sys

import networkx
import numpy


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("networkx", networkx.__version__, "numpy", numpy.__version__)


def graph_of(**nodes):
    graph = networkx.DiGraph()
    for name, attributes in nodes.items():
        graph.add_node(name, **attributes)
    return graph


def through_gexf(graph):
    file = io.BytesIO()
    networkx.write_gexf(graph, file)
    file.seek(0)
    try:
        return [number for _, number in networkx.read_gexf(file).nodes(data="grad")]
    except ValueError as error:
        return str(error)


late = through_gexf(graph_of(a={"grad": 0}, b={"grad": 0.5}))
expect("GEXF, gradients 0 and 0.5", late, "invalid literal for int() with base 10: '0.5'")
expect("GEXF, gradients 0.5 and 0", through_gexf(graph_of(a={"grad": 0.5}, b={"grad": 0})), [0.5, 0.0])

lines = list(networkx.generate_gml(graph_of(a={"grad": numpy.float64(0.5)})))
expect(
    "GML, line of numpy.float64(0.5)", lines[5].strip() if len(lines) > 5 else lines, "grad NP.FLOAT64(0.5)"
)
try:
    seen = networkx.parse_gml(lines).nodes["a"]["grad"]
except networkx.NetworkXError as error:
    seen = str(error)
expect("GML, read back", seen, "expected an int, float, string or '[', found 'NP' at (6, 10)")

cytoscape = networkx.cytoscape_data(graph_of(a={"value": 1.5}))
expect("Cytoscape JSON, value 1.5 of node a", cytoscape["elements"]["nodes"][0]["data"]["value"], "a")
PY
