"""Samples a second of SGD in plain numpy: 600 rows, shuffled anew each pass.

`--check FILE` trains as FILE says and prints losses instead; see `read_check` in common.py.
"""

import sys

import common


def main():
    parser = common.options(__doc__)
    parser.add_argument("--check", metavar="FILE", help="print the losses of this training")
    chosen, numpy = common.start(parser, "numpy")
    from numpy_network import Network, synthetic

    if chosen.check:
        check = common.read_check(chosen.check, numpy)
        if any(common.rule(check).values()):
            sys.exit("only plain steps here")
        network = Network(check["widths"], layers=check["layers"])

        def step(rows, labels, rate):
            loss = network.loss(rows, labels)
            network.step(rows, labels, rate)
            return loss

        return common.run_check(check, step, network.parameters, numpy)

    for model, widths in common.MODELS.items():
        rows, labels = synthetic(common.ROWS, widths[0], widths[-1], seed=1)
        for name, batch in common.BATCHES.items():
            network, draw = Network(widths), numpy.random.default_rng(2)
            values = common.rates(
                lambda: network.epoch(rows, labels, batch, 0.01, draw), common.ROWS
            )
            common.report(
                chosen, "training", "numpy", f"{model} batch {name}",
                values, "samples/s", numpy.__version__, pick=max,
            )  # fmt: skip


if __name__ == "__main__":
    main()
