#!/usr/bin/env bash
# One would guess: NetworkX reads a DOT file whole and writes one in which distinct nodes stay
#   distinct; nothing in the docstrings of nx_pydot says otherwise.
# What happens: Reading drops every node and edge that is written inside a cluster, unless it is
#   written outside as well. Writing cuts a node's name at the colon but leaves the edges' ends
#   whole: 'w:0' and 'w:1' become one node w with two ports, and the round trip makes four nodes of
#   two, the two new ones bare.
# Who meets it: people who carry a drawn graph on: drawings put each layer in a cluster, and tensors
#   of other frameworks are called 'dense/kernel:0'.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install networkx==3.6.1 pydot==4.0.1
cd "$work"

"$python" -I - <<'PY'
import sys

import networkx
import pydot


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("networkx", networkx.__version__, "pydot", pydot.__version__)
dot = "digraph { subgraph cluster_layer { a [label=x]; a -> b } b -> c }"
(drawn,) = pydot.graph_from_dot_data(dot)
read = networkx.nx_pydot.from_pydot(drawn)

expect("nodes read from " + dot, list(read.nodes), ["b", "c"])
expect("edges read", [(start, end) for start, end, _ in read.edges], [("b", "c")])

graph = networkx.DiGraph()
graph.add_node("w:0", label="weight")
graph.add_node("w:1", label="bias")
graph.add_edge("w:0", "w:1")
written = networkx.nx_pydot.to_pydot(graph)
lines = written.to_string().split("\n")[1:4]
expect("lines written for w:0 -> w:1", lines, ["w [label=weight];", "w [label=bias];", "w:0 -> w:1;"])
back = networkx.nx_pydot.from_pydot(written)
expect(
    "nodes after the round trip", dict(back.nodes(data=True)), {"w": {"label": "bias"}, "w:0": {}, "w:1": {}}
)
PY
