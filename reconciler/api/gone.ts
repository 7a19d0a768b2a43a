import type {FastifyReply} from 'fastify';

/**
 * Aborted when the client of a request goes. It may have gone before this is asked: finding out who it is, and whether it may, takes its time, and a
 * connection says only once that it is closed.
 */
export function goneSignal({raw}: Pick<FastifyReply, 'raw'>, why = 'the client has gone'): AbortSignal {
  const gone = new AbortController();
  const leave = () => gone.abort(new Error(why));
  if (raw.destroyed) leave();
  else raw.once('close', leave);
  return gone.signal;
}
