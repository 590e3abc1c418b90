"""Seconds and accuracy of the LR_MNIST job in Flower's simulation engine (Ray), with the numerics of lr_mnist_numpy.py.

The same participants, rounds, batch and rate; the whole job as a process, from its start to the last round, with two
clients at a time. Accuracy is the mean after rounds 96 to 100 on all test images.
"""

import logging
import os
import statistics
import sys
import time
from pathlib import Path

BEGIN = time.perf_counter()
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import common
from lr_mnist_numpy import BATCH, COHORT, EVALUATED, PARTICIPANTS, RATE, ROUNDS, deal, standard

SEED = 1
CASE = f"{ROUNDS} rounds, {COHORT} of {PARTICIPANTS}"


def apps(folder, seen, ends):
    """What the server and the clients do; `seen` and `ends` get accuracies and times."""
    from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp
    from flwr.serverapp import ServerApp
    from flwr.serverapp.strategy import FedAvg

    client, server = ClientApp(), ServerApp()
    here = str(HERE)

    @client.train()
    def train(message, context):
        import sys

        import numpy

        sys.path.insert(0, here)
        import lr_mnist_numpy
        from numpy_network import Network

        # Each of Ray's processes reads the rows once.
        if not hasattr(lr_mnist_numpy, "kept"):
            rows, labels, *_ = lr_mnist_numpy.standard(numpy, folder)
            held = lr_mnist_numpy.deal(numpy, labels, numpy.random.default_rng(SEED))
            lr_mnist_numpy.kept = rows, labels, held
        rows, labels, held = lr_mnist_numpy.kept
        mine = held[int(context.node_config["partition-id"])]
        given = message.content["arrays"].to_numpy_ndarrays()
        local = Network([784, 10], layers=[(given[0].copy(), given[1].copy())])
        local.epoch(rows[mine], labels[mine], BATCH, RATE, numpy.random.default_rng())
        arrays = ArrayRecord([numpy.array(one) for one in local.parameters()])
        content = {"arrays": arrays, "metrics": MetricRecord({"num-examples": len(mine)})}
        return Message(content=RecordDict(content), reply_to=message)

    @server.main()
    def main(grid, context):
        import numpy
        from numpy_network import Network

        _, _, rows, labels = standard(numpy, folder)

        def evaluate(number, arrays):
            ends.append(time.perf_counter())
            if number > ROUNDS - EVALUATED:
                weights, biases = arrays.to_numpy_ndarrays()
                network = Network([784, 10], layers=[(weights, biases)])
                guesses = network.scores(rows)[1].argmax(axis=1)
                seen.append(float((guesses == labels).mean()))

        strategy = FedAvg(
            fraction_train=COHORT / PARTICIPANTS,
            fraction_evaluate=0.0,
            min_train_nodes=COHORT,
            min_available_nodes=PARTICIPANTS,
        )
        zeros = [numpy.zeros((784, 10), numpy.float32), numpy.zeros(10, numpy.float32)]
        strategy.start(grid, ArrayRecord(zeros), num_rounds=ROUNDS, evaluate_fn=evaluate)

    return server, client


def main():
    parser = common.options(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/mnist"))
    chosen, _, _, flwr = common.start(parser, "numpy", "ray", "flwr.simulation")
    from importlib import metadata

    os.environ["FLWR_TELEMETRY_ENABLED"] = "0"
    logging.getLogger("flwr").setLevel(logging.ERROR)
    seen, ends = [], []
    server, client = apps(chosen.data.resolve(), seen, ends)
    resources = {"client_resources": {"num_cpus": 1}, "init_args": {"num_cpus": 2, "logging_level": "error"}}
    flwr.run_simulation(server, client, PARTICIPANTS, backend_config=resources)
    whole = time.perf_counter() - BEGIN
    version = metadata.version("flwr")
    rounds = {"seconds_of_rounds": round(ends[-1] - ends[0], 1)}
    common.report(chosen, "lr_mnist", "flower", CASE, [whole], "s", version, **rounds)
    common.report(chosen, "lr_mnist", "flower", CASE, [statistics.mean(seen)], "share", version)


if __name__ == "__main__":
    main()
