"""Neural networks whose every scalar can be seen: neurons, layers, losses and training, on autograd's Values.

model = MLP(2, [16, 16, 1])                      every call is a composite, and a graph
history = fit(model, X, y, loss="hinge", optimizer=SGD(0.1), epochs=100)
history.plot()
"""

from .losses import *  # noqa: F403
from .modules import *  # noqa: F403
from .training import SGD as SGD, History as History, fit as fit
