"""Dense layers with rectifiers between them, softmax and cross-entropy at the end, in plain numpy.

Written to be fast, as it is the bar for small models: float32, buffers kept, updates in place.
"""

import numpy


class Network:
    def __init__(self, widths, seed=0, layers=None):
        draw = numpy.random.default_rng(seed)
        self.layers = layers or [
            (
                draw.normal(0, (2 / inputs) ** 0.5, (inputs, outputs)).astype(numpy.float32),
                numpy.zeros(outputs, numpy.float32),
            )
            for inputs, outputs in zip(widths, widths[1:])
        ]
        self.slopes = [numpy.empty_like(weights) for weights, _ in self.layers]

    def parameters(self):
        return [array for layer in self.layers for array in layer]

    def scores(self, rows):
        """What goes into every layer, and the scores that come out of the last."""
        inputs = [rows]
        for weights, biases in self.layers[:-1]:
            hidden = inputs[-1] @ weights
            hidden += biases
            inputs.append(numpy.maximum(hidden, 0, out=hidden))
        weights, biases = self.layers[-1]
        scores = inputs[-1] @ weights
        scores += biases
        return inputs, scores

    def loss(self, rows, labels):
        scores = self.scores(rows)[1].astype(numpy.float64)
        scores -= scores.max(axis=1, keepdims=True)
        right = scores[numpy.arange(len(labels)), labels]
        return (numpy.log(numpy.exp(scores).sum(axis=1)) - right).mean()

    def step(self, rows, labels, rate):
        """One step of plain SGD on the mean cross-entropy."""
        inputs, delta = self.scores(rows)
        delta -= delta.max(axis=1, keepdims=True)
        numpy.exp(delta, out=delta)
        delta /= delta.sum(axis=1, keepdims=True)
        delta[numpy.arange(len(labels)), labels] -= 1
        delta *= numpy.float32(rate / len(labels))  # small here: the slopes need no scaling later
        for (weights, biases), given, slope in zip(
            reversed(self.layers), reversed(inputs), reversed(self.slopes)
        ):
            below = None if given is rows else delta @ weights.T
            numpy.matmul(given.T, delta, out=slope)
            weights -= slope
            biases -= delta.sum(axis=0)
            if below is not None:
                below *= given > 0
                delta = below

    def epoch(self, rows, labels, batch, rate, draw):
        """One pass in a new order; all rows at once need none."""
        if batch >= len(rows):
            return self.step(rows, labels, rate)
        order = draw.permutation(len(rows))
        for begin in range(0, len(rows), batch):
            chosen = order[begin : begin + batch]
            self.step(rows[chosen], labels[chosen], rate)


def synthetic(rows, features, classes, seed):
    """Rows whose labels a linear model can learn."""
    draw = numpy.random.default_rng(seed)
    data = draw.random((rows, features), dtype=numpy.float32)
    truth = draw.normal(size=(features, classes)).astype(numpy.float32)
    return data, ((data - 0.5) @ truth).argmax(axis=1)
