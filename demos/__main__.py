"""Runs every demo and writes the gallery, demos/out/index.html."""

import sys

from . import (
    activations,
    larger_than_memory,
    moons,
    neuron_fit,
    neuron_training,
    newton,
    perceptron,
    sigmoid_graph,
)
from .gallery import run

DEMOS = (
    sigmoid_graph,
    neuron_fit,
    neuron_training,
    activations,
    newton,
    moons,
    larger_than_memory,
    perceptron,
)

if __name__ == "__main__":
    sys.exit(run(*(demo.main for demo in DEMOS)))
