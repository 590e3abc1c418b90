"""Samples a second of SGD in PyTorch, eager mode on the CPU: the convolutional network of the FedAvg paper, 200 images.

Two 5x5 convolutions of 32 and 64 filters with 2x2 max pooling, 512 hidden units, 10 classes: 1,663,370 parameters.
"""

import common
from training_torch import epoch, stepper

ROWS = 200
BATCHES = [10, 50]


def build(torch):
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 10),
    )  # fmt: skip


def main():
    chosen, torch = common.start(common.options(__doc__), "torch")
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(1)
    rows, labels = torch.randn(ROWS, 1, 28, 28), torch.randint(0, 10, (ROWS,))
    for batch in BATCHES:
        step = stepper(torch, build(torch), 0.01)
        values = common.rates(lambda: epoch(torch, step, rows, labels, batch), ROWS)
        common.report(
            chosen, "training", "torch", f"cnn:28x28-10 batch {batch}",
            values, "samples/s", torch.__version__, pick=max,
        )  # fmt: skip


if __name__ == "__main__":
    main()
