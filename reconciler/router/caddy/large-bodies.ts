import type {Json} from './parts.ts';

/** Of what is smaller, all is here before an app has begun its answer, unless its client is slow. */
const SMALL_DIGITS = 4;

const IS_HTTP_1: Json = {'{http.request.proto}': ['HTTP/1.1']};

/**
 * Connections over HTTP/1.1 on which a large body comes end with its answer. When an answer begins, Go's server reads what it has not passed on of a request
 * and throws it away, 256 KiB at most, so that the connection can be used again (golang/go#15527; Caddy 2.6.2 can't be told otherwise). An app that answers while
 * it still reads would lose the end of a body, once in some hundred times. It does not happen on a connection that is not to be used again, and not with HTTP/2.
 */
export const READS_WHOLE_BODIES: Json = {
  handler: 'subroute',
  routes: [{
    match: [
      {vars: IS_HTTP_1, header_regexp: {'Content-Length': {pattern: `^[0-9]{${SMALL_DIGITS + 1},}$`}}},
      // In chunks: Caddy 2.6.2 has no matcher for that.
      {vars: IS_HTTP_1, header: {'Content-Length': null, Upgrade: null}, not: [{method: ['GET', 'HEAD', 'OPTIONS']}]},
    ],
    handle: [{handler: 'headers', response: {set: {Connection: ['close']}}}],
  }],
};
