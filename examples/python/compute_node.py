"""A compute node in Python by the IDL alone: softmax regression with numpy, in one file.

    pip install thriftpy2 numpy
    python compute_node.py rows.csv [PORT]

It hosts the rows of one CSV file (label last) as a private shard: they never leave this process.
"""
import os, random, sys, time
import numpy as np
import thriftpy2
from thriftpy2.server import TThreadedServer
from thriftpy2.thrift import TProcessor
from thriftpy2.transport import TServerSocket

IDL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "idl")
types = thriftpy2.load(os.path.join(IDL, "types.thrift"), module_name="types_thrift")
node = thriftpy2.load(os.path.join(IDL, "compute_node.thrift"), module_name="compute_node_thrift")
rows = np.loadtxt(sys.argv[1], delimiter=",", dtype=np.float32, ndmin=2)
X, y = rows[:, :-1], rows[:, -1].astype(int)
NAME, CLASSES, INCARNATION = os.path.basename(sys.argv[1]), int(y.max()) + 1, random.getrandbits(62)


def parameters(request):
    """Weights [features, classes] and bias, from bytes in the order of the layout. What is not ours is a Fault."""
    payload, shapes = request.parameters, [tensor.shape for tensor in request.layout]
    width = shapes[0][-1]
    if not request.model.startswith("softmax:") or shapes != [[X.shape[1], width], [width]] or width < CLASSES:
        raise types.Fault(types.FaultCode.INVALID, "model `%s` of %s is not known here" % (request.model, shapes))
    if payload.codec != "raw" or payload.inline_data is None or len(payload.inline_data) != 4 * (X.shape[1] + 1) * width:
        raise types.Fault(types.FaultCode.INVALID, "the parameters are not %d raw values" % ((X.shape[1] + 1) * width))
    if [shard.name for shard in request.shards] != [NAME]:
        raise types.Fault(types.FaultCode.NOT_FOUND, "only `%s` is here" % NAME)
    values = np.frombuffer(payload.inline_data, "<f4")
    return values[:-width].reshape(shapes[0]).copy(), values[-width:].copy()


def softmax(W, b):
    scores = X @ W + b
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return p, float(-np.log(p[np.arange(len(y)), y] + 1e-30).mean())


class Node:
    def hello(self, request):
        hosted = [node.HostedShard(NAME, len(y), X.shape[1], CLASSES)]
        hello = types.Hello(1, 0, "python-example", {"evaluate"})
        return node.HelloReply(hello, INCARNATION, slots=1, hosted=hosted)

    def heartbeat(self, request):
        return node.HeartbeatReply(INCARNATION, load=0.0)

    def train(self, request):
        start, (W, b) = time.time(), parameters(request)
        W0, b0 = W.copy(), b.copy()
        for _ in range(request.training.epochs or 1):
            p, loss = softmax(W, b)
            p[np.arange(len(y)), y] -= 1
            W -= request.training.learning_rate * X.T @ p / len(y)
            b -= request.training.learning_rate * p.mean(0)
        data = np.concatenate([(W - W0).ravel(), b - b0]).astype("<f4").tobytes()
        update = types.Payload("raw", len(data), inline_data=data)
        return node.TrainReply(update, len(y), loss, seconds=time.time() - start)

    def evaluate(self, request):  # on the rows it trains on; roundtable_node.py holds some out
        p, loss = softmax(*parameters(request))
        correct = int((p.argmax(1) == y).sum())
        return node.EvaluateReply(types.Metrics(len(y), loss, correct / len(y), correct))


port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
listener = TServerSocket("127.0.0.1", port, client_timeout=None)  # otherwise idle peers are dropped
listener.listen()
print("listening on 127.0.0.1:%d" % listener.sock.getsockname()[1], flush=True)
listener.listen = lambda: None  # it listens already; serve() would bind again
TThreadedServer(TProcessor(node.ComputeNode, Node()), listener).serve()
