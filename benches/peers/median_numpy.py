"""Seconds for the coordinate-wise median and the trimmed mean of 100 updates of 1 M float32 in numpy.

The trimmed mean sorts and leaves out a fifth at either end. `numpy, median` and `numpy, sort` work on the
whole at once; `numpy, sorted blocks` turns blocks of coordinates first, so that each sort finds its numbers
side by side. The median by sorting is faster than `numpy.median`.
"""

import common

UPDATES, COORDINATES, BLOCK = 100, 1_000_000, 2048
CUT = UPDATES // 5


def main():
    chosen, numpy = common.start(common.options(__doc__), "numpy")
    updates = numpy.random.default_rng(1).normal(size=(UPDATES, COORDINATES)).astype(numpy.float32)

    def sorted_median(values, axis):
        ordered = numpy.sort(values, axis=axis)
        middle = ordered.take((UPDATES // 2 - 1, UPDATES // 2), axis=axis)
        return middle.mean(axis=axis)

    def trimmed(values, axis):
        ordered = numpy.sort(values, axis=axis)
        kept = ordered[CUT:-CUT] if axis == 0 else ordered[:, CUT:-CUT]
        return kept.mean(axis=axis)

    def by_blocks(rule):
        result = numpy.empty(COORDINATES, numpy.float32)
        for begin in range(0, COORDINATES, BLOCK):
            block = numpy.ascontiguousarray(updates[:, begin : begin + BLOCK].T)
            result[begin : begin + BLOCK] = rule(block, 1)
        return result

    case = f"{UPDATES} updates x 1 M f32"
    ways = (
        ("median", "numpy, median", lambda: numpy.median(updates, axis=0)),
        ("median", "numpy, sort", lambda: sorted_median(updates, 0)),
        ("median", "numpy, sorted blocks", lambda: by_blocks(sorted_median)),
        ("trimmed_mean", "numpy, sort", lambda: trimmed(updates, 0)),
        ("trimmed_mean", "numpy, sorted blocks", lambda: by_blocks(trimmed)),
    )
    first = {}
    for bench, system, work in ways:
        found = work()  # also the warm-up
        assert numpy.allclose(first.setdefault(bench, found), found, atol=1e-5), system
        values = common.durations(work, runs=3)
        common.report(chosen, bench, system, case, values, "s", numpy.__version__)


if __name__ == "__main__":
    main()
