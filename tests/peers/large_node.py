"""A compute node by the IDL alone for models too long for one message: chunks in, chunks out.

It trains nothing: its update is 1 for the first value and 0 for all others.
"""
import hashlib
import os
import random
import sys
import zlib

import numpy as np
import thriftpy2
from thriftpy2.server import TThreadedServer
from thriftpy2.thrift import TProcessor
from thriftpy2.transport import TServerSocket

IDL = sys.argv[1]
types = thriftpy2.load(os.path.join(IDL, "types.thrift"), module_name="types_thrift")
node = thriftpy2.load(os.path.join(IDL, "compute_node.thrift"), module_name="compute_node_thrift")
INCARNATION = random.getrandbits(62)


class Node:
    def __init__(self):
        self.blobs = {}

    def hello(self, request):
        hello = types.Hello(1, 0, "python-test", {"blobs"})
        return node.HelloReply(hello, INCARNATION, slots=1)

    def heartbeat(self, request):
        return node.HeartbeatReply(INCARNATION, load=0.0)

    def missing(self, request):
        return types.MissingReply([name for name in request.digests if name not in self.blobs])

    def put_chunk(self, chunk):
        if chunk.crc32 is not None and zlib.crc32(chunk.data) != chunk.crc32:
            raise types.Fault(types.FaultCode.CORRUPT, "a chunk does not match its checksum")
        blob = self.blobs.setdefault(chunk.digest, bytearray())
        if chunk.offset == len(blob):
            blob += chunk.data
        return types.ChunkReply(len(blob))

    def get_chunk(self, request):
        blob = self.blobs[request.digest]
        data = bytes(blob[request.offset : request.offset + request.size])
        return types.Chunk(request.digest, len(blob), request.offset, data, crc32=zlib.crc32(data))

    def train(self, request):
        name = request.parameters.digest
        blob = bytes(self.blobs[name])
        if hashlib.sha256(blob).digest() != name or len(blob) != request.parameters.length:
            raise types.Fault(types.FaultCode.CORRUPT, "the parameters are not those of their name")
        update = np.zeros(len(blob) // 4, "<f4")
        update[0] = 1
        data = update.tobytes()
        key = hashlib.sha256(b"update of attempt %d" % request.attempt).digest()
        self.blobs[key] = data
        return node.TrainReply(types.Payload("raw", len(data), digest=key), 1, 0.5)


listener = TServerSocket("127.0.0.1", 0, client_timeout=None)  # otherwise idle peers are dropped
listener.listen()
print("listening on 127.0.0.1:%d" % listener.sock.getsockname()[1], flush=True)
listener.listen = lambda: None  # it listens already; serve() would bind again
TThreadedServer(TProcessor(node.ComputeNode, Node()), listener).serve()
