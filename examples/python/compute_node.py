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


def softmax(W, b, X, y):
    scores = X @ W + b
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y] + 1e-30).sum()
    return p, p - np.eye(W.shape[1], dtype=p.dtype)[y], float(loss)


class Node:
    def hello(self, request):
        hosted = [node.HostedShard(NAME, len(y), X.shape[1], CLASSES)]
        return node.HelloReply(types.Hello(1, 0, "python-example", {"evaluate"}), INCARNATION, slots=1, hosted=hosted)

    def heartbeat(self, request):
        return node.HeartbeatReply(INCARNATION, load=0.0)

    def train(self, request):
        start, (W, b), how = time.time(), parameters(request), request.training
        if how.plateau is not None or (how.objective or "cross-entropy") != "cross-entropy":
            raise types.Fault(types.FaultCode.INVALID, "only `cross-entropy` without plateau is known here")
        W0, b0, size = W.copy(), b.copy(), how.batch or len(y)
        # All chance comes from the request, so that it has the same answer when it is asked again.
        chance = np.random.default_rng([request.seed % 2**63, request.round, request.shards[0].index])
        for _ in range(how.epochs or 1):
            order, loss = chance.permutation(len(y)), 0.0
            for rows in np.split(order, range(size, len(y), size)):
                _, error, summed = softmax(W, b, X[rows], y[rows])
                W -= how.learning_rate * X[rows].T @ error / len(rows)
                b -= how.learning_rate * error.mean(0)
                loss += summed / len(y)
        data = np.concatenate([(W - W0).ravel(), b - b0]).astype("<f4").tobytes()
        return node.TrainReply(types.Payload("raw", len(data), inline_data=data), len(y), loss, seconds=time.time() - start)

    def evaluate(self, request):  # on the rows it trains on; roundtable_node.py holds some out
        p, _, loss = softmax(*parameters(request), X, y)
        correct = int((p.argmax(1) == y).sum())
        return node.EvaluateReply(types.Metrics(len(y), loss / len(y), correct / len(y), correct))


# Without `client_timeout=None` idle peers are dropped.
listener = TServerSocket("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0, client_timeout=None)
listener.listen()
print("listening on 127.0.0.1:%d" % listener.sock.getsockname()[1], flush=True)
listener.listen = lambda: None  # it listens already; serve() would bind again
TThreadedServer(TProcessor(node.ComputeNode, Node()), listener).serve()
