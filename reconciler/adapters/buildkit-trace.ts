import protobuf from 'protobufjs/minimal.js';
import {eachField, inner} from './protobuf-fields.ts';

/** A step of a build, as far as people are told of it. */
export interface TraceStep {
  readonly digest: string;
  /** `[web 2/5] RUN npm ci` */
  readonly name: string;
  readonly isStarted: boolean;
  readonly isCached: boolean;
}

export type TraceEvent =
  | {readonly kind: 'step'; readonly step: TraceStep}
  /** Output of the step with this digest; its end is not the end of a line. */
  | {readonly kind: 'log'; readonly step: string; readonly bytes: Uint8Array}
  /** What BuildKit finds fault with in a Dockerfile. */
  | {readonly kind: 'warning'; readonly text: string};

type Reader = protobuf.Reader;

/**
 * What BuildKit says of a build: `moby.buildkit.control.StatusResponse` (buildkit, api/services/control/control.proto), of which we read
 * the fields that people see. Fields that come later are skipped, as protobuf wants it.
 */
export function readTrace(message: Uint8Array): readonly TraceEvent[] {
  const events: TraceEvent[] = [];
  eachField(protobuf.Reader.create(message), (number, reader) => {
    if (number === 1) events.push({kind: 'step', step: vertex(inner(reader))});
    else if (number === 3) events.push(vertexLog(inner(reader)));
    else if (number === 4) events.push(vertexWarning(inner(reader)));
    else return false;
    return true;
  });
  return events;
}

function vertex(reader: Reader): TraceStep {
  let [digest, name, isStarted, isCached] = ['', '', false, false];
  eachField(reader, (number) => {
    if (number === 1) digest = reader.string();
    else if (number === 3) name = reader.string();
    else if (number === 4) isCached = reader.bool();
    else if (number === 5) isStarted = reader.bytes().length >= 0;
    else return false;
    return true;
  });
  return {digest, name, isStarted, isCached};
}

function vertexLog(reader: Reader): TraceEvent {
  let step = '';
  let bytes: Uint8Array = new Uint8Array();
  eachField(reader, (number) => {
    if (number === 1) step = reader.string();
    else if (number === 4) bytes = reader.bytes();
    else return false;
    return true;
  });
  return {kind: 'log', step, bytes};
}

function vertexWarning(reader: Reader): TraceEvent {
  let text = '';
  eachField(reader, (number) => {
    if (number !== 3) return false;
    text = Buffer.from(reader.bytes()).toString();
    return true;
  });
  return {kind: 'warning', text};
}
