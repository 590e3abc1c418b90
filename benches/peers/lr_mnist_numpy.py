"""Seconds and accuracy of the LR_MNIST job in one numpy process: no framework, no messages.

1,000 participants, 10 a round, 100 rounds, softmax 784-10 from zeros, 1 epoch, batch 10, rate 0.03,
mean weighted by rows. Participant u holds the digits u % 10 and (u + 1) % 10: of each 5 rows, and a
share of what is left of that digit, log-normal with sigma 2 (the law of Li et al., "Federated
Optimization in Heterogeneous Networks", 2020). Pixels are made mean 0 and deviation 1 over the
training set. `--data` is a folder with the four MNIST files (IDX, gzip or not).

The time is that of the rounds with five evaluations, without reading the data. Accuracy swings by
several points from round to round, so each seed's is the mean after rounds 96 to 100, on all 10,000
test images; the value is the mean of the seeds.
"""

import gzip
import statistics
import sys
import time
from pathlib import Path

import common

PARTICIPANTS, COHORT, ROUNDS, BATCH, RATE = 1000, 10, 100, 10, 0.03
EVALUATED = 5
SEEDS = range(1, 6)


def read(numpy, folder, name):
    """An IDX file of bytes: magic with the number of dimensions, their sizes, the bytes."""
    for path, reader in ((folder / name, open), (folder / (name + ".gz"), gzip.open)):
        if path.exists():
            with reader(path, "rb") as file:
                content = file.read()
            shape = numpy.frombuffer(content, ">i4", content[3], 4)
            return numpy.frombuffer(content, numpy.uint8, -1, 4 + 4 * content[3]).reshape(shape)
    print(f"skipped: {folder / name}[.gz] is missing; --data names the folder with MNIST")
    sys.exit(0)


def standard(numpy, folder):
    """Rows and labels for training and for tests."""
    images = [read(numpy, folder, f"{part}-images-idx3-ubyte") for part in ("train", "t10k")]
    labels = [read(numpy, folder, f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")]
    train, test = (rows.reshape(len(rows), -1).astype(numpy.float32) / 255 for rows in images)
    middle, spread = train.mean(axis=0), train.std(axis=0) + 0.001
    return (train - middle) / spread, labels[0], (test - middle) / spread, labels[1]


def deal(numpy, labels, draw):
    """The rows of each participant."""
    held = [[] for _ in range(PARTICIPANTS)]
    for digit in range(10):
        rows = draw.permutation(numpy.flatnonzero(labels == digit))
        holders = [u for u in range(PARTICIPANTS) if digit in (u % 10, (u + 1) % 10)]
        shares = draw.lognormal(0, 2, len(holders))
        counts = 5 + (shares / shares.sum() * (len(rows) - 5 * len(holders))).astype(int)
        for holder, part in zip(holders, numpy.split(rows, counts.cumsum())):
            held[holder].append(part)
    return [numpy.concatenate(parts) for parts in held]


def main():
    parser = common.options(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/mnist"))
    chosen, numpy = common.start(parser, "numpy")
    from numpy_network import Network

    rows, labels, test_rows, test_labels = standard(numpy, chosen.data)
    seconds, accuracies, trained = [], [], []
    for seed in SEEDS:
        draw = numpy.random.default_rng(seed)
        held = deal(numpy, labels, draw)
        begin = time.perf_counter()
        zeros = [(numpy.zeros((784, 10), numpy.float32), numpy.zeros(10, numpy.float32))]
        shared, local = Network([784, 10], layers=zeros), Network([784, 10])
        seen, counted = [], 0
        for number in range(1, ROUNDS + 1):
            total, weight = [numpy.zeros((784, 10)), numpy.zeros(10)], 0
            for participant in draw.choice(PARTICIPANTS, COHORT, replace=False):
                mine = held[participant]
                for parameter, given in zip(local.parameters(), shared.parameters()):
                    parameter[:] = given
                local.epoch(rows[mine], labels[mine], BATCH, RATE, draw)
                for array, parameter in zip(total, local.parameters()):
                    array += parameter * numpy.float32(len(mine))
                weight += len(mine)
            for given, array in zip(shared.parameters(), total):
                given[:] = array / weight
            counted += weight
            if number > ROUNDS - EVALUATED:
                guesses = shared.scores(test_rows)[1].argmax(axis=1)
                seen.append(float((guesses == test_labels).mean()))
        seconds.append(time.perf_counter() - begin)
        accuracies.append(statistics.mean(seen))
        trained.append(counted)
    version, case = numpy.__version__, f"{ROUNDS} rounds, {COHORT} of {PARTICIPANTS}"
    rows_trained = {"rows_trained": trained}
    common.report(chosen, "lr_mnist", "numpy", case, seconds, "s", version, **rows_trained)
    each = {"pick": statistics.mean, "seeds": [round(accuracy, 4) for accuracy in accuracies]}
    common.report(chosen, "lr_mnist", "numpy", case, accuracies, "share", version, **each)


if __name__ == "__main__":
    main()
