import type {IncomingHttpHeaders} from 'node:http';

/**
 * The web page that a request comes from, when it is one of somebody else: a browser that has been given a password for the API (Basic) sends it along
 * with whatever any page asks for, websockets included, which no rule of browsers keeps from other origins (RFC 6455, 10.2). Programs send no Origin.
 */
export function foreignOrigin({origin, host = ''}: Pick<IncomingHttpHeaders, 'origin' | 'host'>): string | undefined {
  if (origin === undefined) return undefined;
  const isOwn = /^https?:/.test(origin) && URL.canParse(origin) && new URL(origin).host === host.toLowerCase().replace(/:(80|443)$/, '');
  return isOwn ? undefined : origin;
}
