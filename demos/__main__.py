"""Runs every demo and writes the gallery, demos/out/index.html."""

import sys

from . import activations, neuron_fit, neuron_training, perceptron, sigmoid_graph
from .gallery import run

if __name__ == "__main__":
    sys.exit(
        run(sigmoid_graph.main, neuron_fit.main, neuron_training.main, activations.main, perceptron.main)
    )
