"""Seconds for the weighted mean of 10 updates of 25 M float32 in numpy, three ways.

`numpy.average` is what one writes first; a matrix product is BLAS's; adding in float64, block by block,
is the careful way, and nearest to an exact sum.
"""

import common

UPDATES, COORDINATES, BLOCK = 10, 25_000_000, 16_384


def main():
    chosen, numpy = common.start(common.options(__doc__), "numpy")
    draw = numpy.random.default_rng(1)
    updates = numpy.empty((UPDATES, COORDINATES), numpy.float32)
    for update in updates:
        draw.random(out=update, dtype=numpy.float32)
    weights = draw.integers(100, 1000, UPDATES)
    shares = (weights / weights.sum()).astype(numpy.float32)
    result = numpy.empty(COORDINATES, numpy.float32)

    def added():
        total, term = numpy.empty(BLOCK), numpy.empty(BLOCK)
        for begin in range(0, COORDINATES, BLOCK):
            block = updates[:, begin : begin + BLOCK]
            size = block.shape[1]
            total.fill(0)
            for weight, values in zip(weights, block):
                numpy.multiply(values, float(weight), out=term[:size])
                total[:size] += term[:size]
            numpy.divide(total[:size], weights.sum(), out=result[begin : begin + size], casting="same_kind")

    ways = {
        "numpy, average": lambda: numpy.average(updates, axis=0, weights=shares),
        "numpy, matmul": lambda: numpy.matmul(shares, updates, out=result),
        "numpy, f64 sums": added,
    }
    case = f"{UPDATES} updates x 25 M f32"
    for system, work in ways.items():
        values = common.durations(work, runs=5)
        common.report(chosen, "mean", system, case, values, "s", numpy.__version__)


if __name__ == "__main__":
    main()
