"""Seconds a round of federated averaging in one numpy process, no framework at all.

100 participants of 600 rows, cohorts of 10 and 100, mlp 784-128-10, 1 epoch, batch 32, rate 0.1.
"""

import common

PARTICIPANTS, BATCH, RATE = 100, 32, 0.1
WIDTHS = common.MODELS["mlp:784-128-10"]
CASE = "mlp:784-128-10 cohort {} of 100"


def main():
    chosen, numpy = common.start(common.options(__doc__), "numpy")
    from numpy_network import Network, synthetic

    rows, labels = synthetic(PARTICIPANTS * common.ROWS, WIDTHS[0], WIDTHS[-1], seed=1)
    rows = rows.reshape(PARTICIPANTS, common.ROWS, -1)
    labels = labels.reshape(PARTICIPANTS, common.ROWS)

    for cohort in (10, 100):
        shared, local = Network(WIDTHS), Network(WIDTHS)
        total = [numpy.empty_like(array) for array in shared.parameters()]
        draw = numpy.random.default_rng(3)

        def a_round():
            for array in total:
                array.fill(0)
            for participant in draw.choice(PARTICIPANTS, cohort, replace=False):
                for mine, given in zip(local.parameters(), shared.parameters()):
                    mine[:] = given
                local.epoch(rows[participant], labels[participant], BATCH, RATE, draw)
                for array, mine in zip(total, local.parameters()):
                    array += mine
            for given, array in zip(shared.parameters(), total):
                numpy.divide(array, cohort, out=given)  # all have 600 rows: equal weights

        values = common.durations(a_round, runs=10 if cohort == 10 else 5)
        common.report(
            chosen, "simulation", "numpy", CASE.format(cohort), values, "s/round", numpy.__version__
        )


if __name__ == "__main__":
    main()
