"""A client in Python by the IDL alone: asks a coordinator for a run, follows it, and prints the accuracy, or the
loss where rows have real values.

    pip install thriftpy2
    python client.py HOST PORT [DATA] [MODEL] [ROUNDS] [--plot accuracy.png]

The notebook beside it does the same with the functions of this file.
"""
import argparse, os, secrets, sys
import thriftpy2
from thriftpy2.rpc import make_client

IDL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "idl")
types = thriftpy2.load(os.path.join(IDL, "types.thrift"), module_name="types_thrift")
coordinator = thriftpy2.load(os.path.join(IDL, "coordinator.thrift"), module_name="coordinator_thrift")


def connect(host="127.0.0.1", port=5105):
    # A `watch` waits for up to 30 s.
    return make_client(coordinator.Coordinator, host, port, timeout=40_000)


def submit(client, data=None, **plan):
    """Asks for a run and gives its id. The key is chosen here: the same key would be the same run."""
    if data:
        plan["data"] = types.DataRef(spec=data)
    request = coordinator.SubmitRequest(secrets.token_hex(16), coordinator.Plan(**plan))
    return client.submit(request).run


def follow(client, run):
    """The reports of a run's rounds as they come. RuntimeError if it does not succeed."""
    after = 0
    while True:
        reply = client.watch(coordinator.WatchRequest(run, after, max_wait_ms=30_000))
        for event in reply.events:
            after = event.sequence
            if event.kind == coordinator.EventKind.ROUND:
                yield event.round
            elif event.kind == coordinator.EventKind.NOTICE:
                print("note: " + event.message, file=sys.stderr)
            elif event.kind == coordinator.EventKind.ENDED:
                if event.status.state != coordinator.RunState.SUCCEEDED:
                    raise RuntimeError(event.status.error or "the run was called off")
                return


def measure(report):
    """What a round is judged by, and its value: the accuracy, or the loss where rows have real values; or None."""
    if report.metrics is None:
        return None
    if report.metrics.accuracy is None:
        return "loss", report.metrics.loss
    return "accuracy", report.metrics.accuracy


def plot(rounds, path=None):
    """Accuracy, or loss, by round, on the screen or in a file."""
    import matplotlib.pyplot as plt
    measured = [(r.round, *measure(r)) for r in rounds if measure(r)]
    plt.plot([number for number, _, _ in measured], [value for _, _, value in measured], marker="o")
    plt.xlabel("round"), plt.ylabel("%s on held-out rows" % (measured[-1][1] if measured else "accuracy"))
    plt.grid(alpha=0.3)
    plt.savefig(path) if path else plt.show()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("host"), options.add_argument("port", type=int)
    options.add_argument("data", nargs="?", help="for example private: or builtin:digits")
    options.add_argument("model", nargs="?", help="for example mlp:64-32-10")
    options.add_argument("rounds", nargs="?", type=int)
    options.add_argument("--plot", metavar="FILE", help="draw the accuracy into this file")
    given, rounds = options.parse_args(), []
    try:
        client = connect(given.host, given.port)
        for report in follow(client, submit(client, given.data, model=given.model, rounds=given.rounds)):
            rounds.append(report)
            said = "  %s %.4f" % measure(report) if measure(report) else ""
            print("round %d%s" % (report.round, said), file=sys.stderr)
    except types.Fault as fault:
        problems = ["%s: %s" % (problem.field, problem.message) for problem in fault.problems or []]
        sys.exit("error: %s" % ("; ".join(problems) or fault.message))
    except (RuntimeError, OSError, thriftpy2.thrift.TException) as failed:
        sys.exit("error: %s" % failed)
    if given.plot:
        plot(rounds, given.plot)
    if rounds and measure(rounds[-1]):
        print("%.4f" % measure(rounds[-1])[1])


if __name__ == "__main__":
    main()
