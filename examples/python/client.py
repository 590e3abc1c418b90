"""A client in Python by the IDL alone: asks a coordinator for a run and prints the accuracy.

    pip install thriftpy2
    python client.py HOST PORT [DATA] [MODEL] [ROUNDS]
"""
import os, sys
import thriftpy2
from thriftpy2.rpc import make_client

IDL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "idl")
types = thriftpy2.load(os.path.join(IDL, "types.thrift"), module_name="types_thrift")
coordinator = thriftpy2.load(os.path.join(IDL, "coordinator.thrift"), module_name="coordinator_thrift")

host, port = sys.argv[1], int(sys.argv[2])
data, model, rounds = (sys.argv[3:] + [None] * 3)[:3]
plan = coordinator.Plan(model=model, rounds=int(rounds) if rounds else None)
if data:
    plan.data = types.DataRef(spec=data)
client = make_client(coordinator.Coordinator, host, port, timeout=600_000)
try:
    report = client.train(coordinator.TrainRequest(plan))
except types.Fault as fault:
    sys.exit("error: %s" % fault.message)
print("%.4f" % report.accuracy)
