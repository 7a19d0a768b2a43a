import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import {anySignal} from '../any-signal.ts';

export interface GetJsonLimits {
  readonly bytesMax: number;
  readonly msMax: number;
}

/**
 * Asks a server for a JSON object, once. Whoever signs for this machine signs for it, too. It is followed nowhere else, and it is not believed that its answer ends. The
 * built-in `fetch` knows neither the machine's certificates nor a limit of bytes.
 *
 * @throws {Error} that says why there is none, in a few words
 */
export async function getJson(url: URL, {bytesMax, msMax}: GetJsonLimits, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  const limit = AbortSignal.timeout(msMax);
  const text = await textAt(url, bytesMax, anySignal([signal, limit])).catch((error: NodeJS.ErrnoException) => {
    if (limit.aborted) throw new Error(`it did not answer within ${msMax / 1000} s`, {cause: error});
    throw error.message === '' ? new Error(error.code ?? 'no answer', {cause: error}) : error;
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error('its answer is no JSON', {cause});
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('its answer is no JSON object');
  return json as Readonly<Record<string, unknown>>;
}

function textAt(url: URL, bytesMax: number, signal: AbortSignal): Promise<string> {
  const {promise, resolve, reject} = Promise.withResolvers<string>();
  const options = {headers: {'accept': 'application/json', 'user-agent': 'flynn'}, agent: false, signal} as const;
  const request = url.protocol === 'http:' ? http.get(url, options) : https.get(url, {...options, ca: [...tls.getCACertificates('default'), ...tls.getCACertificates('system')]});
  request.on('error', reject).on('response', (response) => {
    const refuse = (why: string) => {
      request.destroy();
      reject(new Error(why));
    };
    const {statusCode = 0} = response;
    if (statusCode !== 200) return refuse(statusCode >= 300 && statusCode < 400 ? `it answers ${statusCode}, and is followed nowhere else` : `it answers ${statusCode}`);
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) refuse(`its answer is longer than ${bytesMax / 1024} KiB`);
      else chunks.push(chunk);
    }).on('error', reject).on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });
  return promise;
}
