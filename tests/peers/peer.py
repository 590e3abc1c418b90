"""A peer in Python that knows nothing of Roundtable but the IDL, which `thriftpy2` reads as it runs.

    peer.py copy IDL_FOLDER...      lines `file.Struct hex` in; decoded and encoded again, hex out
    peer.py golden IDL              writes the messages of tests/golden/messages.txt
    peer.py call IDL PORT           calls a compute node and checks its answers
    peer.py serve IDL               serves one connection on a port that it prints
"""

import os
import socket
import sys

import thriftpy2
from thriftpy2.protocol.binary import TBinaryProtocol, TBinaryProtocolFactory
from thriftpy2.rpc import make_client
from thriftpy2.thrift import TApplicationException, TMessageType, TProcessor
from thriftpy2.transport import TMemoryBuffer, TSocket
from thriftpy2.transport.buffered import TBufferedTransport, TBufferedTransportFactory

ALL_BYTES = bytes(range(256))


def load(folder, name):
    return thriftpy2.load(os.path.join(folder, name + ".thrift"), module_name=name + "_thrift")


def encode(write):
    buffer = TMemoryBuffer()
    write(TBinaryProtocol(buffer))
    return buffer.getvalue()


def copy(folders):
    modules = {}
    for line in sys.stdin:
        name, data = line.split()
        file, struct = name.split(".")
        if file not in modules:
            folder = next(f for f in folders if os.path.exists(os.path.join(f, file + ".thrift")))
            modules[file] = load(folder, file)
        value = getattr(modules[file], struct)()
        source = TMemoryBuffer(bytes.fromhex(data))
        TBinaryProtocol(source).read_struct(value)
        assert source.read(1) == b"", "bytes are left over"
        print(encode(lambda p: p.write_struct(value)).hex())


def train_request(node, types):
    return node.TrainRequest(
        run="run-7",
        round=25,
        attempt=9007199254740993,
        model="mlp:16-20-26",
        layout=[
            types.Tensor("layers.0.weight", types.DType.F32, [64, 32]),
            types.Tensor("layers.0.bias", 9, []),
        ],
        parameters=types.Payload("raw", 256, ALL_BYTES),
        data=types.DataRef("builtin:digits", "dirichlet:alpha=0.3", 12, -(2**63), 0.2),
        shards=[types.ShardRef(3, "Zürich/データ", ALL_BYTES, 1 << 40), types.ShardRef(0, "")],
        training=node.Training(15, None, 1e-4, "cross-entropy:sum", float("inf")),
        seed=-1,
        budget_ms=30000,
        may_refuse=True,
    )


def fault(types):
    return types.Fault(
        code=types.FaultCode.INVALID,
        message="rounds is -1",
        hint="ask for 1 round or more",
        retryable=False,
        retry_after_ms=-5,
        problems=[types.Problem("plan.rounds", "must be 1 or more, is -1")],
    )


def train_reply(node, types):
    payload = types.Payload("raw", 256, ALL_BYTES)
    return node.TrainReply(update=payload, rows=1500, loss=0.337, epochs=15)


def golden(folder):
    node, types = load(folder, "compute_node"), load(folder, "types")
    service = node.ComputeNode
    chunk = types.Chunk(ALL_BYTES, 300, 44, ALL_BYTES)
    refusal = TApplicationException(TApplicationException.UNKNOWN_METHOD, "no method `tern` here")
    messages = [
        ("heartbeat", TMessageType.CALL, service.heartbeat_args(node.HeartbeatRequest())),
        ("train", TMessageType.CALL, service.train_args(train_request(node, types))),
        ("train", TMessageType.REPLY, service.train_result(train_reply(node, types))),
        ("train", TMessageType.REPLY, service.train_result(None, fault(types))),
        ("get_chunk", TMessageType.REPLY, service.get_chunk_result(chunk)),
        ("tern", TMessageType.EXCEPTION, refusal),
    ]
    for name, kind, body in messages:
        def write(p):
            p.write_message_begin(name, kind, 1)
            p.write_struct(body)
            p.write_message_end()

        print(encode(write).hex())


def call(folder, port):
    node, types = load(folder, "compute_node"), load(folder, "types")
    client = make_client(node.ComputeNode, "127.0.0.1", int(port), timeout=10000)
    assert client.heartbeat(node.HeartbeatRequest()).incarnation == 42
    request = train_request(node, types)
    assert client.train(request) == train_reply(node, types)
    request.round = -1
    try:
        client.train(request)
        raise AssertionError("a fault should be raised")
    except types.Fault as thrown:
        assert repr(thrown) == repr(fault(types)), thrown  # exceptions have no ==
    client._service.tern_args = node.ComputeNode.train_args
    client._service.tern_result = node.ComputeNode.train_result
    try:
        client._req("tern", request)
        raise AssertionError("there is no such method")
    except TApplicationException as refused:
        assert refused.type == TApplicationException.UNKNOWN_METHOD, refused
    assert client.heartbeat(node.HeartbeatRequest()).incarnation == 42
    client.close()
    print("ok")


def serve(folder):
    node, types = load(folder, "compute_node"), load(folder, "types")

    class Node:
        def heartbeat(self, request):
            return node.HeartbeatReply(incarnation=42)

        def train(self, request):
            if request.round < 0:
                raise fault(types)
            assert request == train_request(node, types), request
            return train_reply(node, types)

    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    connection, _ = listener.accept()
    stream = TSocket()
    stream.set_handle(connection)
    transport = TBufferedTransportFactory().get_transport(stream)
    protocol = TBinaryProtocolFactory().get_protocol(transport)
    processor = TProcessor(node.ComputeNode, Node())
    try:
        while True:
            processor.process(protocol, protocol)
    except Exception as end:  # how a closed connection shows depends on the version
        print(f"ended by {end!r}", file=sys.stderr)


if __name__ == "__main__":
    mode, *arguments = sys.argv[1:]
    {"copy": lambda *folders: copy(folders), "golden": golden, "call": call, "serve": serve}[mode](*arguments)
