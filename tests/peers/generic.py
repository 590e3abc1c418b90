"""Copies Thrift structs with Apache's Python library (PyPI `thrift`), knowing nothing of the IDL.

Reads lines `name hex`, decodes each into a tree, encodes the tree again and writes it as hex.
"""

import sys

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TType
from thrift.transport.TTransport import TMemoryBuffer

PLAIN = {
    TType.BOOL: ("readBool", "writeBool"),
    TType.BYTE: ("readByte", "writeByte"),
    TType.I16: ("readI16", "writeI16"),
    TType.I32: ("readI32", "writeI32"),
    TType.I64: ("readI64", "writeI64"),
    TType.DOUBLE: ("readDouble", "writeDouble"),
    TType.STRING: ("readBinary", "writeBinary"),
}


def read(p, kind):
    if kind in PLAIN:
        return getattr(p, PLAIN[kind][0])()
    if kind == TType.STRUCT:
        p.readStructBegin()
        fields = []
        while True:
            _, wire, number = p.readFieldBegin()
            if wire == TType.STOP:
                return fields
            fields.append((wire, number, read(p, wire)))
    if kind == TType.MAP:
        key, value, size = p.readMapBegin()
        return (key, value, [(read(p, key), read(p, value)) for _ in range(size)])
    element, size = p.readListBegin() if kind == TType.LIST else p.readSetBegin()
    return (element, [read(p, element) for _ in range(size)])


def write(p, kind, tree):
    if kind in PLAIN:
        getattr(p, PLAIN[kind][1])(tree)
    elif kind == TType.STRUCT:
        for wire, number, value in tree:
            p.writeFieldBegin("", wire, number)
            write(p, wire, value)
        p.writeFieldStop()
    elif kind == TType.MAP:
        key, value, pairs = tree
        p.writeMapBegin(key, value, len(pairs))
        for k, v in pairs:
            write(p, key, k)
            write(p, value, v)
    else:
        element, values = tree
        begin = p.writeListBegin if kind == TType.LIST else p.writeSetBegin
        begin(element, len(values))
        for value in values:
            write(p, element, value)


for line in sys.stdin:
    _, data = line.split()
    source, target = TMemoryBuffer(bytes.fromhex(data)), TMemoryBuffer()
    tree = read(TBinaryProtocol(source), TType.STRUCT)
    assert source.read(1) == b"", "bytes are left over"
    write(TBinaryProtocol(target), TType.STRUCT, tree)
    print(target.getvalue().hex())
