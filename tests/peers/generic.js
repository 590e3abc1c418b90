// Copies Thrift structs with Apache's JavaScript library (npm `thrift`), knowing nothing of the IDL.
//
// Reads lines `name hex`, decodes each into a tree, encodes the tree again and writes it as hex.
'use strict';

const { TBinaryProtocol, TFramedTransport, Thrift } = require('thrift');
const T = Thrift.Type;

const PLAIN = {
  [T.BOOL]: ['readBool', 'writeBool'],
  [T.BYTE]: ['readByte', 'writeByte'],
  [T.I16]: ['readI16', 'writeI16'],
  [T.I32]: ['readI32', 'writeI32'],
  [T.I64]: ['readI64', 'writeI64'], // an object that keeps all 64 bits
  [T.DOUBLE]: ['readDouble', 'writeDouble'],
  [T.STRING]: ['readBinary', 'writeBinary'],
};

function read(p, kind) {
  if (PLAIN[kind]) return p[PLAIN[kind][0]]();
  if (kind === T.STRUCT) {
    const fields = [];
    p.readStructBegin();
    for (;;) {
      const { ftype, fid } = p.readFieldBegin();
      if (ftype === T.STOP) return fields;
      fields.push([ftype, fid, read(p, ftype)]);
    }
  }
  if (kind === T.MAP) {
    const { ktype, vtype, size } = p.readMapBegin();
    const pairs = [];
    for (let i = 0; i < size; i++) pairs.push([read(p, ktype), read(p, vtype)]);
    return [ktype, vtype, pairs];
  }
  const { etype, size } = kind === T.LIST ? p.readListBegin() : p.readSetBegin();
  const values = [];
  for (let i = 0; i < size; i++) values.push(read(p, etype));
  return [etype, values];
}

function write(p, kind, tree) {
  if (PLAIN[kind]) return p[PLAIN[kind][1]](tree);
  if (kind === T.STRUCT) {
    for (const [ftype, fid, value] of tree) {
      p.writeFieldBegin('', ftype, fid);
      write(p, ftype, value);
    }
    return p.writeFieldStop();
  }
  if (kind === T.MAP) {
    const [ktype, vtype, pairs] = tree;
    p.writeMapBegin(ktype, vtype, pairs.length);
    for (const [key, value] of pairs) {
      write(p, ktype, key);
      write(p, vtype, value);
    }
    return;
  }
  const [etype, values] = tree;
  if (kind === T.LIST) p.writeListBegin(etype, values.length);
  else p.writeSetBegin(etype, values.length);
  for (const value of values) write(p, etype, value);
}

function copy(bytes) {
  const tree = read(new TBinaryProtocol(new TFramedTransport(bytes)), T.STRUCT);
  let written;
  // The buffer behind the 4 bytes that frame it.
  const transport = new TFramedTransport(undefined, (framed) => { written = framed.subarray(4); });
  write(new TBinaryProtocol(transport), T.STRUCT, tree);
  transport.flush();
  return written;
}

const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean);
for (const line of lines) {
  const [, hex] = line.split(' ');
  console.log(copy(Buffer.from(hex, 'hex')).toString('hex'));
}
