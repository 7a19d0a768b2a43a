import type {Json} from './parts.ts';

/**
 * Clients that reuse their connection are told in good order to open another one, which another Caddy takes. Not in an answer to an upgrade, whose
 * own `Connection` header says something else.
 */
const WHEN_LEAVING: Json = {vars: {'{http.shutting_down}': ['true']}, not: [{header: {Upgrade: ['*']}}]};

const IS_HTTP_1: Json = {'{http.request.proto}': ['HTTP/1.1']};

/**
 * When an answer begins, Go's server reads what it has not passed on of a request over HTTP/1.1 and throws it away, 256 KiB at most, so that the connection can
 * be used again (golang/go#15527; Caddy 2.6.2 can't be told otherwise). An app that answers while it still reads would lose the end of a body. It does not happen
 * on a connection that ends with the answer. Of less than 10,000 bytes, all is here by then, unless the client is slow.
 */
const AFTER_LARGE_BODIES: readonly Json[] = [
  {vars: IS_HTTP_1, header_regexp: {'Content-Length': {pattern: '^[0-9]{5,}$'}}},
  // In chunks: Caddy 2.6.2 has no matcher for that.
  {vars: IS_HTTP_1, header: {'Content-Length': null, Upgrade: null}, not: [{method: ['GET', 'HEAD', 'OPTIONS']}]},
];

/** Ends a connection with its answer, where that has to be. */
export const ENDS_CONNECTIONS: Json = {
  handler: 'subroute',
  routes: [{
    match: [WHEN_LEAVING, ...AFTER_LARGE_BODIES],
    handle: [{handler: 'headers', response: {set: {Connection: ['close']}}}],
  }],
};
