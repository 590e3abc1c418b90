"""Seconds a round of federated averaging in pfl (Apple's pfl-research), its simulator on PyTorch.

The work of simulation_numpy.py: 100 participants of 600 rows, cohorts of 10 and 100, mlp 784-128-10,
1 epoch, batch 32, rate 0.1; no evaluation, no privacy. With one process, then with two, which
torchrun starts and which share each cohort; cases of two processes end in ", 2 processes".
"""

import json
import os
import subprocess
import sys
import time
from importlib import metadata

import common
from simulation_numpy import BATCH, CASE, PARTICIPANTS, RATE, WIDTHS

ROUNDS = {10: 12, 100: 6}
LIMIT = 300  # seconds for all rounds on two processes


def data_set(numpy, torch):
    from numpy_network import synthetic
    from pfl.data.dataset import Dataset
    from pfl.data.federated_dataset import FederatedDataset
    from pfl.data.sampling import get_user_sampler

    rows, labels = synthetic(PARTICIPANTS * common.ROWS, WIDTHS[0], WIDTHS[-1], seed=1)
    parts = [
        Dataset(raw_data=[torch.from_numpy(part_rows), torch.from_numpy(part_labels)])
        for part_rows, part_labels in zip(
            numpy.split(rows, PARTICIPANTS), numpy.split(labels, PARTICIPANTS)
        )
    ]
    sampler = get_user_sampler("random", list(range(PARTICIPANTS)))
    return FederatedDataset(parts.__getitem__, sampler)


def rounds(numpy, torch, cohort):
    """Seconds of each round but the first."""
    from pfl.aggregate.simulate import SimulatedBackend
    from pfl.algorithm.base import NNAlgorithmParams
    from pfl.algorithm.federated_averaging import FederatedAveraging
    from pfl.callback.base import TrainingProcessCallback
    from pfl.hyperparam import NNEvalHyperParams, NNTrainHyperParams
    from pfl.metrics import Metrics, Weighted
    from pfl.model.pytorch import PyTorchModel
    from training_torch import build

    network = build(torch, WIDTHS)
    network.loss = lambda x, y: torch.nn.functional.cross_entropy(network(x), y)
    network.metrics = lambda x, y: {"rows": Weighted(0, len(x))}
    model = PyTorchModel(
        network, torch.optim.SGD, torch.optim.SGD(network.parameters(), lr=1.0)
    )
    ends = []

    class Clock(TrainingProcessCallback):
        def after_central_iteration(self, *_, **__):
            ends.append(time.perf_counter())
            return False, Metrics()

    data = data_set(numpy, torch)
    FederatedAveraging().run(
        NNAlgorithmParams(
            central_num_iterations=ROUNDS[cohort], evaluation_frequency=ROUNDS[cohort],
            train_cohort_size=cohort, val_cohort_size=0,
        ),
        SimulatedBackend(training_data=data, val_data=data),
        model,
        NNTrainHyperParams(
            local_num_epochs=1, local_learning_rate=RATE, local_batch_size=BATCH
        ),
        NNEvalHyperParams(local_batch_size=common.ROWS),
        [Clock()],
        send_metrics_to_platform=False,
    )  # fmt: skip
    return [end - begin for begin, end in zip(ends, ends[1:])]


def on_two(cohort):
    """The same on two processes; the first one's answer is the last line."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [os.path.abspath(__file__), f"--worker={cohort}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode:
        sys.exit(f"torchrun failed with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = common.options(__doc__)
    parser.add_argument("--worker", type=int, help="used by the script itself")
    chosen, numpy, torch, _ = common.start(parser, "numpy", "torch", "pfl")
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(1)
    numpy.random.seed(2)
    if chosen.worker:
        values = rounds(numpy, torch, chosen.worker)
        if os.environ["RANK"] == "0":
            print(json.dumps(values))
        return
    version = f"{metadata.version('pfl')} on torch {torch.__version__}"
    for cohort in ROUNDS:
        case = CASE.format(cohort)
        values = rounds(numpy, torch, cohort)
        common.report(chosen, "simulation", "pfl", case, values, "s/round", version)
        values = on_two(cohort)
        case += ", 2 processes"
        common.report(chosen, "simulation", "pfl", case, values, "s/round", version)


if __name__ == "__main__":
    main()
