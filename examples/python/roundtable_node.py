"""What every node in Python does alike: the calls of idl/compute_node.thrift, around a learner of yours.

A learner brings three methods; arrays are numpy's, in the order of the model's layout.

    start(model, seed)                          first parameters, as {name: array}; ValueError: unknown model
    fit(model, arrays, X, y, how, seed, tick)   (new arrays, loss); calls tick() now and then, which may raise
    scores(model, arrays, X)                    a probability for each row and class

Copy this file and change what you like; docs/nodes-in-any-language.md explains every line of it.
"""
import argparse, hashlib, os, secrets, signal, sys, threading, time, zlib
import numpy as np
import thriftpy2
from thriftpy2.rpc import make_client
from thriftpy2.server import TThreadedServer
from thriftpy2.thrift import TProcessor
from thriftpy2.transport import TServerSocket

IDL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "idl")
types = thriftpy2.load(os.path.join(IDL, "types.thrift"), module_name="types_thrift")
node = thriftpy2.load(os.path.join(IDL, "compute_node.thrift"), module_name="compute_node_thrift")
central = thriftpy2.load(os.path.join(IDL, "coordinator.thrift"), module_name="coordinator_thrift")
Code = types.FaultCode
BLOB_BYTES = 1 << 30  # of long payloads that are kept; the oldest give way


def fault(code, message, hint=None):
    return types.Fault(code, message, hint, retryable=code in (Code.CANCELLED, Code.DEADLINE, Code.NOT_FOUND))


def answering(method):
    """Whatever goes wrong is told as a Fault: any other exception would break the connection."""
    def answer(self, request):
        try:
            return method(self, request)
        except types.Fault:
            raise
        except ValueError as wrong:
            raise fault(Code.INVALID, str(wrong))
        except Exception as failed:
            raise fault(Code.INTERNAL, "%s: %s" % (type(failed).__name__, failed))
    return answer


class Service:
    """The calls of a compute node that hosts one shard of private rows."""

    def __init__(self, learner, name, X, y, classes):
        self.learner, self.name, self.X, self.y, self.classes = learner, name, X, y, classes
        self.incarnation = secrets.randbits(62)  # another one whenever the node starts
        self.under_way, self.blobs = {}, {}  # attempts by the event that calls them off: one may be asked for twice
        self.working = threading.Lock()  # one task at a time, which `slots` promises

    @answering
    def hello(self, request):
        if request.hello.protocol_major != types.PROTOCOL_MAJOR:
            raise fault(Code.VERSION, "this node speaks protocol %d" % types.PROTOCOL_MAJOR)
        abilities = {"evaluate", "initialise", "cancel", "blobs"}
        hello = types.Hello(types.PROTOCOL_MAJOR, types.PROTOCOL_MINOR, type(self.learner).__name__, abilities)
        hosted = [node.HostedShard(self.name, len(self.y), self.X.shape[1], self.classes)]
        return node.HelloReply(hello, self.incarnation, slots=1, hosted=hosted)

    def heartbeat(self, request):
        running = len(self.under_way)
        return node.HeartbeatReply(self.incarnation, load=float(running > 0), running=running)

    @answering
    def initialise(self, request):
        with self.working:
            start = self.learner.start(request.model, request.seed)
        return node.InitialiseReply(self.layout(start), self.payload(start.values()))

    @answering
    def train(self, request):
        if (request.training.objective or "cross-entropy") != "cross-entropy":
            raise ValueError("objective `%s` is not known here" % request.training.objective)
        if request.training.plateau is not None:
            raise ValueError("`plateau` is not known here: every epoch is trained")
        # All chance comes from the request, so that it has the same answer when it is asked again.
        chance = "%d %d %d" % (request.seed, request.round, request.shards[0].index)
        seed = int.from_bytes(hashlib.sha256(chance.encode()).digest()[:4], "big")
        over, begun = threading.Event(), time.monotonic()
        self.under_way[over] = request.attempt

        def tick():
            if over.is_set():
                raise fault(Code.CANCELLED, "the attempt was called off")
            if request.budget_ms and time.monotonic() - begun > request.budget_ms / 1000:
                raise fault(Code.DEADLINE, "the attempt's time is over")

        try:
            with self.working:
                old, (X, y), _ = self.read(request)
                new, loss = self.learner.fit(request.model, old, X, y, request.training, seed, tick)
        finally:
            del self.under_way[over]
        update = self.payload([n - o for n, o in zip(new, old)])
        return node.TrainReply(update, len(y), float(loss), seconds=time.monotonic() - begun)

    @answering
    def evaluate(self, request):
        with self.working:
            arrays, _, (X, y) = self.read(request)
            scores = np.asarray(self.learner.scores(request.model, arrays, X), dtype=np.float64)
        said, loss = scores.argmax(1), -np.log(scores[np.arange(len(y)), y].clip(1e-15)).mean()
        classes, correct, confusion = scores.shape[1], int((said == y).sum()), None
        if classes <= (512 if request.full else 16):  # of more it would be long
            counts = np.bincount(y * classes + said, minlength=classes * classes)
            confusion = counts.tolist()
        return node.EvaluateReply(types.Metrics(len(y), float(loss), correct / len(y), correct, confusion))

    def cancel(self, request):
        found = [over for over, attempt in list(self.under_way.items()) if attempt == request.attempt]
        for over in found:
            over.set()
        return node.CancelReply(bool(found))

    def read(self, request):
        """Parameters as arrays, rows to train on, rows held out. ValueError if the request does not fit."""
        expected = self.layout(self.learner.start(request.model, 0))
        if request.layout != expected:
            raise ValueError("the layout is not the one of `%s` here" % request.model)
        if len(request.shards) != 1 or request.shards[0].name != self.name:
            raise fault(Code.NOT_FOUND, "this node hosts `%s` alone" % self.name)
        values, arrays = np.frombuffer(self.bytes_of(request.parameters), "<f4"), []
        sizes = [int(np.prod(tensor.shape)) for tensor in expected]
        if len(values) != sum(sizes):
            raise ValueError("%d values; the layout takes %d" % (len(values), sum(sizes)))
        for tensor, part in zip(expected, np.split(values, np.cumsum(sizes)[:-1])):
            arrays.append(part.reshape(tensor.shape))
        # Which rows are held out depends on the run's seed alone: nobody trains on what is evaluated.
        order = np.random.default_rng(request.seed % 2**63).permutation(len(self.y))
        share = request.data.held_out or 0.0
        cut = min(max(round(share * len(order)), 1), len(order) - 1) if share else 0
        train, held = np.sort(order[cut:]), np.sort(order[:cut] if cut else order)
        return arrays, (self.X[train], self.y[train]), (self.X[held], self.y[held])

    # Payloads: in the message, or, when they are long, as blobs in chunks.

    def layout(self, arrays):
        return [types.Tensor(name, types.DType.F32, list(a.shape)) for name, a in arrays.items()]

    def payload(self, arrays):
        data = b"".join(np.ascontiguousarray(a, dtype="<f4").tobytes() for a in arrays)
        if len(data) <= types.INLINE_LIMIT:
            return types.Payload("raw", len(data), inline_data=data, crc32=zlib.crc32(data))
        name = hashlib.sha256(data).digest()
        self.keep(name, data)
        return types.Payload("raw", len(data), digest=name)

    def bytes_of(self, payload):
        if payload.codec != "raw":
            raise ValueError("codec `%s` is not known here" % payload.codec)
        data = payload.inline_data
        if data is None:
            data = self.blobs.get(payload.digest)
            if data is None or hashlib.sha256(data).digest() != payload.digest:
                raise fault(Code.NOT_FOUND, "a blob is not here", "put it with put_chunk and ask again")
        elif payload.crc32 is not None and zlib.crc32(data) != payload.crc32:
            raise fault(Code.CORRUPT, "the parameters do not match their checksum")
        if len(data) != payload.length or len(data) % 4:
            raise ValueError("%d bytes, announced as %d" % (len(data), payload.length))
        return bytes(data)

    def keep(self, name, data):
        self.blobs[name] = data
        while sum(map(len, self.blobs.values())) > BLOB_BYTES and len(self.blobs) > 1:
            self.blobs.pop(next(iter(self.blobs)), None)

    @answering
    def missing(self, request):
        whole = lambda name: hashlib.sha256(self.blobs.get(name, b"")).digest() == name
        return types.MissingReply([name for name in request.digests if not whole(name)])

    @answering
    def put_chunk(self, chunk):
        if chunk.crc32 is not None and zlib.crc32(chunk.data) != chunk.crc32:
            raise fault(Code.CORRUPT, "a chunk does not match its checksum")
        if chunk.length > BLOB_BYTES:
            raise ValueError("a blob of %d bytes; at most %d are kept" % (chunk.length, BLOB_BYTES))
        blob = self.blobs.get(chunk.digest, b"")
        if chunk.offset == len(blob) and len(blob) + len(chunk.data) <= chunk.length:
            blob = blob if isinstance(blob, bytearray) else bytearray(blob)
            blob += chunk.data
            self.keep(chunk.digest, blob)
        if len(blob) == chunk.length and hashlib.sha256(blob).digest() != chunk.digest:
            del self.blobs[chunk.digest]
            raise fault(Code.CORRUPT, "the bytes do not match the blob's name")
        return types.ChunkReply(len(blob))

    @answering
    def get_chunk(self, request):
        blob = self.blobs.get(request.digest)
        if blob is None:
            raise fault(Code.NOT_FOUND, "no such blob is here")
        data = bytes(blob[request.offset : request.offset + min(request.size, types.CHUNK_LIMIT)])
        return types.Chunk(request.digest, len(blob), request.offset, data, zlib.crc32(data))


def tell(coordinator, what):
    """One call to a coordinator."""
    host, _, port = coordinator.rpartition(":")
    client = make_client(central.Coordinator, host, int(port), timeout=2000)
    try:
        what(client)
    finally:
        client.close()


def announce(coordinator, address):
    """Joins again and again, so that a coordinator that was restarted learns of the node."""
    while True:
        try:
            tell(coordinator, lambda client: client.join(central.JoinRequest(address)))
        except Exception as failed:
            print("joining %s: %s; trying again" % (coordinator, failed), file=sys.stderr)
        time.sleep(5)


def main(learner):
    """Serves this learner, a class, as the command line says."""
    options = argparse.ArgumentParser()
    options.add_argument("rows", help="a CSV file: features, and the class last; its rows never leave this process")
    options.add_argument("--host", default="127.0.0.1", help="interface to listen on")
    options.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    options.add_argument("--classes", type=int, help="classes there are at all nodes [default: those of the rows]")
    options.add_argument("--join", metavar="HOST:PORT", help="a coordinator to announce this node to")
    given = options.parse_args()
    table = np.loadtxt(given.rows, delimiter=",", dtype=np.float32, ndmin=2)
    X, y = table[:, :-1], table[:, -1].astype(np.int64)
    classes = max(given.classes or 0, int(y.max()) + 1)
    service = Service(learner(X.shape[1], classes), os.path.basename(given.rows), X, y, classes)
    # Without `client_timeout=None` callers that are idle for three seconds are dropped.
    listener = TServerSocket(given.host, given.port, client_timeout=None)
    listener.listen()
    address = "%s:%d" % (given.host, listener.sock.getsockname()[1])
    print("listening on " + address, flush=True)
    listener.listen = lambda: None  # it listens already; serve() would bind again
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if given.join:
        threading.Thread(target=announce, args=(given.join, address), daemon=True).start()
    server = TThreadedServer(TProcessor(node.ComputeNode, service), listener)
    server.daemon = True
    try:
        server.serve()
    except (KeyboardInterrupt, SystemExit):
        pass
    try:
        if given.join:
            tell(given.join, lambda client: client.leave(central.LeaveRequest(address)))
    except Exception:
        pass  # a coordinator that is gone learns nothing, and needs not
    os._exit(0)  # whatever is under way
