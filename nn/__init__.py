"""Neural networks whose every scalar can be seen: neurons, layers, losses and training, on autograd's Values.

model = MLP(2, [16, 16, 1])                      every call is a composite, and a graph
history = fit(model, X, y, loss="hinge", optimizer=SGD(0.1), epochs=100)
history.plot()
"""

from .losses import (
    LOSSES as LOSSES,
    Loss as Loss,
    bce as bce,
    bce_with_logits as bce_with_logits,
    cross_entropy as cross_entropy,
    cross_entropy_with_logits as cross_entropy_with_logits,
    hinge as hinge,
    mse as mse,
    softmax as softmax,
)
from .modules import (
    MLP as MLP,
    Layer as Layer,
    Module as Module,
    Neuron as Neuron,
    parameter as parameter,
)
from .training import SGD as SGD, History as History, fit as fit
