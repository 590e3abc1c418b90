"""A compute node that trains with scikit-learn.

    python sklearn_node.py rows.csv [--port 5106] [--join HOST:PORT]

It serves two kinds of models: `mlp:64-32-10`, which the nodes in Rust serve too, as an `MLPClassifier`; and
`sklearn-sgd`, a logistic regression of `SGDClassifier` that no one but this file knows: it makes a step with every row,
whatever the batch.
"""
import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

import roundtable_node


class Sklearn:
    def __init__(self, features, classes):
        self.features, self.classes = features, np.arange(classes)

    def estimator(self, model, seed, rate=0.1):
        """The estimator of a model. Its first step is without rows, so that its arrays are there."""
        kind, _, sizes = model.partition(":")
        rows = np.zeros((len(self.classes), self.features), np.float32)
        if kind == "sklearn-sgd" and not sizes:
            it = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=rate, random_state=seed)
            return it.partial_fit(rows, self.classes, classes=self.classes)
        try:
            widths = [int(width) for width in sizes.split("-")]
        except ValueError:
            widths = []
        if kind != "mlp" or len(widths) < 3 or (widths[0], widths[-1]) != (self.features, len(self.classes)):
            fits = "mlp:%d-32-%d" % (self.features, len(self.classes))
            raise ValueError("model `%s` is not known here; `%s` and `sklearn-sgd` are" % (model, fits))
        if len(self.classes) < 3:
            raise ValueError("MLPClassifier keeps two classes as one output; take `sklearn-sgd`")
        it = MLPClassifier(widths[1:-1], solver="sgd", alpha=0, momentum=0, learning_rate_init=rate, random_state=seed)
        return it.partial_fit(rows, self.classes, classes=self.classes)

    def arrays(self, it):
        """Its parameters by name, as they are now: views that can be written to. Training may put others in their place."""
        if isinstance(it, SGDClassifier):
            return {"coef": it.coef_, "intercept": it.intercept_}
        arrays = {}  # `coefs_` are [inputs, outputs], as the protocol has them
        for layer, (weight, bias) in enumerate(zip(it.coefs_, it.intercepts_)):
            arrays.update({"layers.%d.weight" % layer: weight, "layers.%d.bias" % layer: bias})
        return arrays

    def start(self, model, seed):
        return self.arrays(self.estimator(model, seed % 2**32))

    def load(self, it, arrays):
        for mine, given in zip(self.arrays(it).values(), arrays):
            mine[...] = given
        return it

    def fit(self, model, arrays, X, y, how, seed, tick):
        it = self.load(self.estimator(model, seed, how.learning_rate), arrays)
        it.batch_size = min(how.batch or len(y), len(y))
        for _ in range(how.epochs or 1):
            tick()
            it.partial_fit(X, y)
        scores = it.predict_proba(X)
        return list(self.arrays(it).values()), -np.log(scores[np.arange(len(y)), y].clip(1e-15)).mean()

    def scores(self, model, arrays, X):
        return self.load(self.estimator(model, 0), arrays).predict_proba(X)


roundtable_node.main(Sklearn)
