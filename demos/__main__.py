"""Runs every demo and writes the gallery, demos/out/index.html."""

import sys

from . import neuron_fit, sigmoid_graph
from .gallery import run

if __name__ == "__main__":
    sys.exit(run(sigmoid_graph.main, neuron_fit.main))
