"""Records what byzfl makes of small rounds of updates, for tests/robust.rs.

    python3 -m venv /tmp/byzfl                                   # anywhere outside of the repository
    /tmp/byzfl/bin/pip install numpy scipy
    /tmp/byzfl/bin/pip install --no-deps byzfl==0.0.11
    /tmp/byzfl/bin/python tests/byzfl/make.py > tests/byzfl/recorded.json

byzfl imports PyTorch and uses it only for tensors. Given arrays of numpy it computes with numpy, in double precision; so
an empty module stands in for PyTorch here. The seeds are fixed: the same file comes out each time.

Names differ: our `f` of Krum is that of the paper, which adds n - f - 2 distances where byzfl adds n - f - 1. Both are recorded,
the paper's as byzfl's with one fault more.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import pathlib
import sys
import types

import numpy


def byzfl(module):
    """A module of byzfl without what the package imports for whole experiments."""
    if "torch" not in sys.modules:
        torch = types.ModuleType("torch")
        torch.Tensor = type("Tensor", (), {})
        sys.modules["torch"] = torch
        place = pathlib.Path(importlib.util.find_spec("numpy").origin).parents[1] / "byzfl"
        for name in ("byzfl", "byzfl.utils"):
            package = types.ModuleType(name)
            package.__path__ = [str(place.joinpath(*name.split(".")[1:]))]
            sys.modules[name] = package
        tools = types.ModuleType("byzfl.utils.torch_tools")
        sys.modules[tools.__name__] = sys.modules["byzfl.utils"].torch_tools = tools
    return importlib.import_module(f"byzfl.{module}")


rules, attacks = byzfl("aggregators"), byzfl("attacks.attacks")


def rounds():
    """Rounds of updates: (name, f, updates). Values have few digits and are those of 32 bits."""
    random = numpy.random.default_rng(7)
    for count, values, faults, kind in [
        (5, 1, 1, "far"),
        (7, 3, 2, "far"),
        (10, 8, 2, "turned"),
        (11, 4, 3, "same"),
        (20, 5, 4, "little"),
        (25, 2, 0, "none"),
    ]:
        mean = random.normal(size=values) * 2
        updates = mean + random.normal(size=(count, values))
        honest = updates[faults:]
        if kind == "far":
            updates[:faults] = random.normal(size=(faults, values)) * 1000
        if kind == "turned":
            updates[:faults] = -10 * honest.mean(axis=0)
        if kind == "same":
            updates[:faults] = 50
        if kind == "little":
            updates[:faults] = honest.mean(axis=0) - 1.5 * honest.std(axis=0)
        # Attackers are anywhere among the others.
        updates = numpy.round(random.permutation(updates), 3)
        yield f"{kind} {faults} of {count} x {values}", faults, updates


def as_32(updates):
    """The numbers that remain of these in 32 bits, as those of 64."""
    return numpy.asarray(updates).astype(numpy.float32).astype(float)


def centred(tau, steps, centre=None):
    rule = rules.CenteredClipping(L=steps, tau=float(tau))
    # byzfl's constructor refuses every centre, whatever its type; what it would set is set here.
    rule.m = centre
    return rule


def cases(faults, updates):
    """What to record of a round: (our spec, centre, byzfl's result)."""
    count = len(updates)
    norms = numpy.linalg.norm(updates, axis=1)

    def clipped():
        return rules.Clipping(c=float(numpy.median(norms)))(updates.copy())

    def mixed(given):
        return rules.NNM(f=faults)(given)

    yield "mean", None, rules.Average()(updates)
    yield "mean:clip=median", None, rules.Average()(clipped())
    yield f"mean:nnm={faults}", None, rules.Average()(mixed(updates))
    yield "median", None, rules.Median()(updates)
    yield "median:clip=median", None, rules.Median()(clipped())
    yield f"median:nnm={faults}", None, rules.Median()(mixed(updates))
    yield f"median:clip=median,nnm={faults}", None, rules.Median()(mixed(clipped()))
    yield f"trimmed-mean:f={faults}", None, rules.TrMean(f=faults)(updates)
    yield f"trimmed-mean:f={faults},nnm={faults}", None, rules.TrMean(f=faults)(mixed(updates))
    for nu, steps in [(0.1, 3), (0.1, 1), (1e-6, 10), (2.0, 4)]:
        result = rules.GeometricMedian(nu=nu, T=steps)(updates)
        yield f"geometric-median:nu={nu:.7f},iterations={steps}", None, result
    result = rules.GeometricMedian(nu=0.1, T=3)(mixed(updates))
    yield f"geometric-median:nu=0.1,iterations=3,nnm={faults}", None, result
    centre = as_32(numpy.round(updates.mean(axis=0) / 2, 3))
    for tau, steps in [(100, 1), (1, 1), (2.5, 3)]:
        spec = f"centred-clipping:tau={tau},iterations={steps}"
        yield spec, None, centred(tau, steps)(updates)
        yield spec, centre, centred(tau, steps, centre)(updates)
    near = numpy.median(norms)
    yield "centred-clipping", None, centred(near, 1)(updates)
    more = count - faults - 1
    yield f"krum:f={faults}", None, rules.Krum(f=faults + 1)(updates)
    yield f"krum:f={faults},neighbours={more}", None, rules.Krum(f=faults)(updates)
    yield f"krum:f={faults},nnm={faults}", None, rules.Krum(f=faults + 1)(mixed(updates))
    yield f"multi-krum:f={faults},m={more}", None, rules.MultiKrum(f=faults + 1)(updates)
    yield f"multi-krum:f={faults},neighbours={more}", None, rules.MultiKrum(f=faults)(updates)
    result = rules.MultiKrum(f=faults)(mixed(clipped()))
    yield f"multi-krum:f={faults},neighbours={more},clip=median,nnm={faults}", None, result


def forged(updates):
    """What to record of attackers that see these updates: (our spec, own, byzfl's result)."""
    mean = as_32(updates.mean(axis=0))
    yield "sign-flip", mean, attacks.SignFlipping()([mean, mean])
    for z in (-0.5, 1.5, 3):
        yield f"alie:z={z}", updates[0], attacks.ALittleIsEnough(tau=float(-z))(updates)
    for eps in (0.5, 2, 100):
        result = attacks.InnerProductManipulation(tau=float(eps))(updates)
        yield f"ipm:eps={eps}", updates[0], result


def plain(numbers):
    return None if numbers is None else [float(number) for number in numbers]


def line(record):
    return json.dumps(record, separators=(",", ":"))


def main():
    recorded = []
    for name, faults, updates in rounds():
        given = as_32(updates)
        results = [
            {"rule": spec, "centre": plain(centre), "result": plain(result)}
            for spec, centre, result in cases(faults, given)
        ]
        results += [
            {"attack": spec, "own": plain(own), "result": plain(result)}
            for spec, own, result in forged(given)
        ]
        updates = [plain(update) for update in updates]
        recorded.append((name, faults, updates, results))
    print('{"byzfl":' + line(importlib.metadata.version("byzfl")) + ',"rounds":[')
    for last, (name, faults, updates, results) in enumerate(recorded, 1 - len(recorded)):
        print(f'{{"name":{line(name)},"f":{faults},"updates":{line(updates)},"results":[')
        print(",\n".join(map(line, results)))
        print("]}" if last == 0 else "]},")
    print("]}")


if __name__ == "__main__":
    main()
