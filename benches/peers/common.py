"""What every measurement here shares: options, missing packages, timing, and one form of result.

A result is one JSON object on a line (`--json`), or the same as a line of text:

    bench   what was measured: training, simulation, framework, lr_mnist, median, trimmed_mean, mean, and the rules of robust_numpy.py
    system  who did it, with the variant where there are several
    case    the size of the work
    value   the best of the runs, so that a ratio to it flatters nobody; an accuracy is the mean
    unit    samples/s (more is better); s/round, s (less is better); share (0 to 1)
    version of the system
    median  the median of the runs, and `runs` how many there were
    threads the system was allowed
"""

import argparse
import importlib
import json
import os
import statistics
import sys
import time

MODELS = {
    "mlp:784-128-10": [784, 128, 10],
    "mlp:784-200-200-10": [784, 200, 200, 10],
    "mlp:16-20-26": [16, 20, 26],
    "softmax:784-10": [784, 10],
}
ROWS = 600
BATCHES = {"10": 10, "32": 32, "64": 64, "full": ROWS}


def options(description):
    """A parser with what every script has; end with `start`."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--threads", type=int, default=1, help="threads of the numerics; 1")
    return parser


def start(parser, *packages):
    """Reads the options and imports `packages`, which learn of the thread limit only before that.

    Returns options and modules. Without a package the script says so and ends well: a comparison
    can then print the lines that it has.
    """
    chosen = parser.parse_args()
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
        os.environ[name + "_NUM_THREADS"] = str(chosen.threads)
    return [chosen] + [need(package) for package in packages]


def need(package, install=None):
    """The module of this name, or the end of the script."""
    try:
        return importlib.import_module(package)
    except (ImportError, OSError, ValueError) as error:
        # A package can be there and lack a part of its own, which is named too.
        lacking = "" if getattr(error, "name", None) == package else f" ({error})"
        print(f"skipped: package {package} is missing{lacking}; pip install {install or package}")
        sys.exit(0)


def report(chosen, bench, system, case, values, unit, version, pick=min, **extra):
    """Prints one result: what `pick` takes of `values`, and their median."""
    line = {
        "bench": bench,
        "system": system,
        "case": case,
        "value": rounded(pick(values)),
        "unit": unit,
        "version": version,
        "median": rounded(statistics.median(values)),
        "runs": len(values),
        "threads": chosen.threads,
        **extra,
    }
    if chosen.json:
        print(json.dumps(line), flush=True)
    else:
        shown = f"{bench:12} {system:21} {case:31} {line['value']:>12} {unit:9}"
        print(f"{shown} (median {line['median']} of {len(values)}, version {version})", flush=True)


def rounded(value):
    return float(f"{value:.5g}")


def rates(work, amount, runs=5, seconds=1.0):
    """Amounts a second in each of `runs` runs of at least `seconds`, after a warm-up of a fifth of that."""
    repeat(work, seconds / 5)
    return [amount * times / spent for times, spent in (repeat(work, seconds) for _ in range(runs))]


def repeat(work, seconds):
    """How often `work` was done, and how long that took, at least `seconds`."""
    begin = time.perf_counter()
    times = 0
    while True:
        work()
        times += 1
        spent = time.perf_counter() - begin
        if spent >= seconds:
            return times, spent


def durations(work, runs):
    """Seconds of each of `runs` runs, after one that does not count."""
    work()
    return [repeat(work, 0)[1] for _ in range(runs)]


def read_check(path, numpy):
    """Reads a check: the same training for several systems, whose losses must agree.

    A JSON object with
        widths         of the layers: inputs, hidden units (rectified), ..., classes
        layers         for each pair of widths {"weights": [...], "biases": [...]}; weights as one list,
                       inputs x outputs, all outputs of the first input first
        rows           numbers as one list, row after row
        labels         one class a row
        learning_rate  of plain SGD on the mean cross-entropy of a batch
        batch          rows of a step. Batches follow the rows in order; the last before the end may be
                       smaller, and the next starts with the first row again
        steps          how many
        momentum, weight_decay, proximal   as PyTorch's SGD and FedProx have them; 0 where they are absent
    A script given `--check FILE` prints {"check": "loss", "step": 1, "value": ...} for each step,
    the batch's mean loss before the step, then {"check": "parameters", "sum": ..., "squares": ...}.
    """
    with open(path, encoding="utf-8") as file:
        check = json.load(file)
    widths = check["widths"]
    check["layers"] = [
        (
            numpy.array(layer["weights"], numpy.float32).reshape(inputs, outputs),
            numpy.array(layer["biases"], numpy.float32).reshape(outputs),
        )
        for layer, inputs, outputs in zip(check["layers"], widths, widths[1:])
    ]
    check["rows"] = numpy.array(check["rows"], numpy.float32).reshape(-1, widths[0])
    check["labels"] = numpy.array(check["labels"], numpy.int64)
    return check


def rule(check):
    """What the steps of a check take into account besides the gradient."""
    return {name: check.get(name, 0.0) for name in ("momentum", "weight_decay", "proximal")}


def run_check(check, step, parameters, numpy):
    """Trains by `step(rows, labels, rate) -> loss` and prints what `read_check` promises."""
    count, begin = len(check["rows"]), 0
    for number in range(1, check["steps"] + 1):
        end = min(begin + check["batch"], count)
        loss = step(check["rows"][begin:end], check["labels"][begin:end], check["learning_rate"])
        print(json.dumps({"check": "loss", "step": number, "value": float(loss)}))
        begin = end % count
    all_of_them = numpy.concatenate([numpy.asarray(p, numpy.float64).ravel() for p in parameters()])
    totals = {"sum": float(all_of_them.sum()), "squares": float((all_of_them**2).sum())}
    print(json.dumps({"check": "parameters", **totals}))
