import {createHash} from 'node:crypto';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {buffer} from 'node:stream/consumers';
import {textEntry, tarStream} from '../../reconciler/build/image/tar.ts';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

/** A registry (OCI distribution-spec v1.1, pull only) on 127.0.0.1, to which engines talk without TLS, with one image of one small layer. */
export interface TinyRegistry extends AsyncDisposable {
  /** `127.0.0.1:40123` */
  readonly host: string;
  /** Of the image `<host>/tiny:1`. */
  readonly digest: string;
}

/** `config` is what the image's configuration says beside its layer: `{Cmd: [...], ExposedPorts: {'80/tcp': {}}}`. */
export async function startTinyRegistry(config: object): Promise<TinyRegistry> {
  const layer = await buffer(tarStream([textEntry('hello.txt', `hello ${performance.now()}\n`)]));
  const image = Buffer.from(JSON.stringify({architecture: 'amd64', os: 'linux', config, rootfs: {type: 'layers', diff_ids: [digestOf(layer)]}}));
  const manifest = Buffer.from(JSON.stringify({
    schemaVersion: 2, mediaType: MANIFEST,
    config: {mediaType: 'application/vnd.docker.container.image.v1+json', size: image.length, digest: digestOf(image)},
    layers: [{mediaType: 'application/vnd.docker.image.rootfs.diff.tar', size: layer.length, digest: digestOf(layer)}],
  }));
  const digest = digestOf(manifest);
  const contents = new Map<string, Buffer>([
    ['/v2/', Buffer.from('{}')],
    ['/v2/tiny/manifests/1', manifest], [`/v2/tiny/manifests/${digest}`, manifest],
    [`/v2/tiny/blobs/${digestOf(image)}`, image], [`/v2/tiny/blobs/${digestOf(layer)}`, layer],
  ]);
  const server = createServer((request, response) => {
    const content = contents.get(request.url ?? '');
    if (content === undefined) return void response.writeHead(404, {'content-type': 'application/json'}).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
    const isManifest = content === manifest;
    response.writeHead(200, {'content-length': content.length, 'content-type': isManifest ? MANIFEST : 'application/octet-stream', ...(isManifest && {'docker-content-digest': digest})});
    response.end(request.method === 'HEAD' ? undefined : content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    digest,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
