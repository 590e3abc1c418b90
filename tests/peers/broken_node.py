"""Compute nodes that do one thing wrong, each as a Python library makes it easy to do.

    broken_node.py ROWS one-at-a-time | impatient | raises
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/python"))
import numpy as np  # noqa: E402
import roundtable_node  # noqa: E402
from thriftpy2.server import TSimpleServer  # noqa: E402

mode = sys.argv.pop()


class Softmax:
    """Softmax regression, or what breaks a connection."""

    def __init__(self, features, classes):
        self.model, self.shape = "softmax:%d-%d" % (features, classes), (features, classes)

    def start(self, model, seed):
        if model != self.model:
            raise ValueError("only %s is known here" % self.model)
        return {"layers.0.weight": np.zeros(self.shape, "f"), "layers.0.bias": np.zeros(self.shape[1], "f")}

    def scores(self, model, arrays, X):
        scores = X @ arrays[0] + arrays[1]
        p = np.exp(scores - scores.max(1, keepdims=True))
        return p / p.sum(1, keepdims=True)

    def fit(self, model, arrays, X, y, how, seed, tick):
        W, b = (array.copy() for array in arrays)
        for _ in range(how.epochs or 1):
            tick()
            p = self.scores(model, (W, b), X)
            loss = -np.log(p[np.arange(len(y)), y]).mean()
            p[np.arange(len(y)), y] -= 1
            W -= how.learning_rate * X.T @ p / len(y)
            b -= how.learning_rate * p.mean(0)
        return [W, b], loss


if mode == "one-at-a-time":
    roundtable_node.TThreadedServer = TSimpleServer
if mode == "impatient":
    listen = roundtable_node.TServerSocket
    roundtable_node.TServerSocket = lambda host, port, client_timeout: listen(host, port)
if mode == "raises":
    train = roundtable_node.Service.train

    def raises(self, request):
        if request.model != self.learner.model and request.model.startswith("conformance"):
            raise KeyError(request.model)
        return train(self, request)

    roundtable_node.Service.train = raises
roundtable_node.main(Softmax)
