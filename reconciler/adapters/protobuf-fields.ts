import protobuf from 'protobufjs/minimal.js';

/** Reads the field with this number, or leaves it to be skipped: false. */
export type Field = (number: number, reader: protobuf.Reader) => boolean;

/** Fields that nobody knows are skipped, as protobuf wants it. */
export function eachField(reader: protobuf.Reader, field: Field): void {
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (!field(tag >>> 3, reader)) reader.skipType(tag & 7);
  }
}

/** A message in a message. */
export function inner(reader: protobuf.Reader): protobuf.Reader {
  return protobuf.Reader.create(reader.bytes());
}
