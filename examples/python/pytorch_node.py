"""A compute node that trains with PyTorch.

    python pytorch_node.py rows.csv [--port 5106] [--join HOST:PORT]

It serves two kinds of models: `mlp:64-32-10`, which the nodes in Rust serve too; and `my-net`, a module that no one
but this file knows. Put your own there: whatever has parameters can be averaged.
"""
import torch
from torch import nn

import roundtable_node


class Torch:
    def __init__(self, features, classes):
        self.features, self.classes = features, classes

    def module(self, model, seed):
        torch.manual_seed(seed)
        if model == "my-net":
            return nn.Sequential(nn.LayerNorm(self.features), nn.Linear(self.features, 64), nn.GELU(),
                                 nn.Linear(64, self.classes))
        kind, _, sizes = model.partition(":")
        widths = [int(width) for width in sizes.split("-") if width.isdigit()]
        if kind != "mlp" or "-".join(map(str, widths)) != sizes or (widths[0], widths[-1]) != (
                self.features, self.classes):
            fits = "mlp:%d-32-%d" % (self.features, self.classes)
            raise ValueError("model `%s` is not known here; `%s` and `my-net` are" % (model, fits))
        layers = [part for inputs, outputs in zip(widths, widths[1:]) for part in (nn.Linear(inputs, outputs), nn.ReLU())]
        return nn.Sequential(*layers[:-1])

    def tensors(self, model, module):
        """Parameters by the protocol's names. Of `mlp` the weights are [inputs, outputs]; PyTorch keeps the transpose."""
        if model == "my-net":
            return dict(module.named_parameters())
        lines = [part for part in module if isinstance(part, nn.Linear)]
        return {"layers.%d.%s" % (layer, name): tensor for layer, line in enumerate(lines)
                for name, tensor in (("weight", line.weight.T), ("bias", line.bias))}

    def load(self, model, arrays, seed=0):
        module = self.module(model, seed)
        with torch.no_grad():
            for tensor, given in zip(self.tensors(model, module).values(), arrays):
                tensor.copy_(torch.from_numpy(given.copy()))
        return module

    def start(self, model, seed):
        tensors = self.tensors(model, self.module(model, seed))
        return {name: tensor.detach().numpy() for name, tensor in tensors.items()}

    def fit(self, model, arrays, X, y, how, seed, tick):
        module, X, y = self.load(model, arrays, seed), torch.from_numpy(X), torch.from_numpy(y)
        step, chance = torch.optim.SGD(module.parameters(), how.learning_rate), torch.Generator().manual_seed(seed)
        for _ in range(how.epochs or 1):
            total = 0.0
            for batch in torch.randperm(len(y), generator=chance).split(how.batch or len(y)):
                tick()
                loss = nn.functional.cross_entropy(module(X[batch]), y[batch])
                step.zero_grad(), loss.backward(), step.step()
                total += loss.item() * len(batch)
        return [t.detach().numpy() for t in self.tensors(model, module).values()], total / len(y)

    def scores(self, model, arrays, X):
        with torch.no_grad():
            return self.load(model, arrays)(torch.from_numpy(X)).softmax(1).numpy()


torch.set_num_threads(1)  # the same bits whatever the machine does besides
roundtable_node.main(Torch)
