"""Seconds a round of Flower with nothing to train: its deployment engine as processes on loopback.

A SuperLink, one SuperNode process a node, `flwr run`; nodes answer with the parameters they got. Cases:
4 nodes with 1,000 parameters, and 2 nodes with 10 M (40 MB each way). `flower` has the defaults;
`flower, polling 100 ms` lets its executors ask for work ten times a second instead of once.
The project that the command line wants is made in a temporary folder, which is also its home.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import common

CASES = [(4, 1_000, 8), (2, 10_000_000, 5)]  # nodes, parameters, rounds
LIMIT = 240  # seconds for a case, from the first process to the last round
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "noop"
version = "1.0.0"
license = "Apache-2.0"
dependencies = ["flwr>=1.20"]
[tool.flwr.app]
publisher = "noop"
[tool.flwr.app.components]
serverapp = "noop.apps:server"
clientapp = "noop.apps:client"
[tool.flwr.app.config]
nodes = 0
parameters = 0
rounds = 0
answer = ""
"""
APPS = '''
import json
import time

import numpy
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg

client = ClientApp()
server = ServerApp()


@client.train()
def train(message, context):
    content = {"arrays": message.content["arrays"], "metrics": MetricRecord({"num-examples": 1})}
    return Message(content=RecordDict(content), reply_to=message)


@server.main()
def main(grid, context):
    wanted, ends = context.run_config, []
    nodes = wanted["nodes"]
    strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=nodes, min_available_nodes=nodes)
    zeros = ArrayRecord([numpy.zeros(wanted["parameters"], numpy.float32)])
    clock = lambda number, arrays: ends.append(time.perf_counter())
    strategy.start(grid, zeros, num_rounds=wanted["rounds"], evaluate_fn=clock)
    with open(wanted["answer"], "w") as file:
        json.dump([end - begin for begin, end in zip(ends, ends[1:])], file)
'''


def free_ports(count):
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


def rounds(nodes, parameters, count, setting):
    """Seconds of each round but the first, which waits for the nodes to appear."""
    home = Path(tempfile.mkdtemp(prefix="flower-noop-"))
    answer, log = home / "answer.json", open(home / "log.txt", "w", encoding="utf-8")
    (home / "noop").mkdir()
    (home / "pyproject.toml").write_text(PROJECT)
    (home / "noop" / "__init__.py").write_text("")
    (home / "noop" / "apps.py").write_text(APPS)
    port, *others = free_ports(nodes + 1)
    link = f'[superlink]\ndefault = "here"\n[superlink.here]\naddress = "127.0.0.1:{port}"\ninsecure = true\n'
    (home / "config.toml").write_text(link)
    environment = os.environ | setting
    environment |= {"FLWR_HOME": str(home), "HOME": str(home), "FLWR_TELEMETRY_ENABLED": "0"}
    environment |= {"FLWR_DISABLE_UPDATE_CHECK": "1"}
    environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    started = []

    def begin(*command):
        started.append(
            subprocess.Popen(
                command, env=environment, cwd=home, stdout=log, stderr=log, start_new_session=True
            )
        )

    try:
        own = "--disable-runtime-dependency-installation"
        begin("flower-superlink", "--insecure", own, f"--port={port}")
        for other in others:
            begin("flower-supernode", "--insecure", f"--superlink=127.0.0.1:{port}", f"--port={other}")
        time.sleep(5)
        wanted = f'nodes={nodes} parameters={parameters} rounds={count} answer="{answer}"'
        begin("flwr", "run", str(home), "here", "--run-config", wanted)
        end = time.monotonic() + LIMIT
        while not answer.exists() or not answer.read_text():
            if time.monotonic() > end:
                sys.exit(f"no answer in {LIMIT} s: {(home / 'log.txt').read_text()[-3000:]}")
            time.sleep(0.5)
        return json.loads(answer.read_text())[1:]
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for process in started:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
            time.sleep(2)
        for process in started:
            process.wait()
        log.close()
        shutil.rmtree(home, ignore_errors=True)


def main():
    chosen, *_ = common.start(common.options(__doc__), "flwr", "numpy")
    fast = {"FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1"}
    for system, setting in (("flower", {}), ("flower, polling 100 ms", fast)):
        for nodes, parameters, count in CASES:
            values = rounds(nodes, parameters, count, setting)
            case = f"{nodes} nodes, {parameters} parameters"
            version = metadata.version("flwr")
            common.report(chosen, "framework", system, case, values, "s/round", version)


if __name__ == "__main__":
    main()
