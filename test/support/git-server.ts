import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {runHttpBackend} from '../../reconciler/receive/http-backend.ts';

/** One bare repository over HTTP on 127.0.0.1, as git hosts serve it. */
export interface GitServer extends AsyncDisposable {
  /** `http://127.0.0.1:40123/shop.git` */
  readonly url: string;
  /** `user:token` that is asked for. Absent: everybody may read it. */
  credentials: string | undefined;
  /** Answers 503 meanwhile. */
  isDown: boolean;
}

export async function startGitServer(gitdir: string): Promise<GitServer> {
  const state: Pick<GitServer, 'credentials' | 'isDown'> = {credentials: undefined, isDown: false};
  const stopping = new AbortController();
  const server = createServer((request, response) => {
    const {pathname, search} = new URL(request.url ?? '/', 'http://git.test');
    if (state.isDown) return void response.writeHead(503).end();
    if (state.credentials !== undefined && request.headers.authorization !== `Basic ${Buffer.from(state.credentials).toString('base64')}`) return void response.writeHead(401, {'www-authenticate': 'Basic realm="test"'}).end();
    if (!pathname.startsWith('/shop.git/')) return void response.writeHead(404).end();
    runHttpBackend({gitdir, path: pathname.slice('/shop.git'.length), query: search.slice(1), user: 'test', config: {}, env: {}}, {request, response}, stopping.signal).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/shop.git`;
  return Object.assign(state, {
    url,
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error('the test has ended'));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
