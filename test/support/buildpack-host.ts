import {once} from 'node:events';
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type Docker from 'dockerode';
import {execa} from 'execa';
import {runHttpBackend} from '../../reconciler/receive/http-backend.ts';

/** Somebody's git host, as builds reach it: `git http-backend` for repositories, files for archives, below `/plain` repositories as plain files, and below `/silent` no answer. */
export interface BuildpackHost extends AsyncDisposable {
  /** `http://172.17.0.1:…` */
  readonly url: string;
  /** Of the files that it serves by their names. */
  readonly root: string;
  /** Adds a commit, and a repository where there is none. Scripts become executable. Resolves to the commit. */
  commit(repository: string, files: Readonly<Record<string, string>>, tag?: string): Promise<string>;
  /** A `.tgz` with one folder at its top, as git hosts make them. Resolves to its sha256. */
  archive(name: string, files: Readonly<Record<string, string>>): Promise<string>;
}

/** Of the engine's bridge, where builds find this machine. */
export async function bridgeAddress(docker: Docker): Promise<string> {
  const {IPAM} = await docker.getNetwork('bridge').inspect() as {IPAM: {Config: {Gateway?: string}[]}};
  return IPAM.Config[0]?.Gateway ?? '172.17.0.1';
}

/** @param address  see `bridgeAddress` */
export async function buildpackHost(address: string): Promise<BuildpackHost> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'flynn-buildpack-host-'));
  const stop = new AbortController();
  const server = createServer((request, response) => {
    const {pathname, search} = new URL(request.url ?? '/', 'http://host');
    if (pathname.startsWith('/silent/')) return;
    const [, repository, rest] = /^\/([\w-]+\.git)(\/.*)$/.exec(pathname) ?? [];
    if (repository !== undefined && rest !== undefined) {
      const gitdir = path.join(root, repository, '.git');
      runHttpBackend({gitdir, path: rest, query: search.slice(1), user: '', config: {'http.receivepack': 'false'}, env: {}}, {request, response}, stop.signal).catch(() => response.destroy());
      return;
    }
    const file = pathname.startsWith('/plain/') ? path.join(root, pathname.slice(7).replace(/^([\w-]+\.git)/, '$1/.git')) : path.join(root, path.basename(pathname));
    readFile(file).then((bytes) => response.end(bytes), () => response.writeHead(404).end('not found\n'));
  }).listen(0, address);
  await once(server, 'listening');
  const git = (folder: string, ...words: readonly string[]) => execa('git', words, {cwd: folder, env: {GIT_CONFIG_GLOBAL: '/dev/null', GIT_AUTHOR_NAME: 'Ann', GIT_AUTHOR_EMAIL: 'ann@example.com', GIT_COMMITTER_NAME: 'Ann', GIT_COMMITTER_EMAIL: 'ann@example.com'}});
  return {
    root,
    url: `http://${address}:${(server.address() as AddressInfo).port}`,
    async commit(repository, files, tag) {
      const folder = path.join(root, `${repository}.git`);
      await write(folder, files);
      await git(folder, 'init', '--quiet', '--initial-branch=main');
      await git(folder, 'add', '--all');
      await git(folder, 'commit', '--quiet', '--message=buildpack');
      if (tag !== undefined) await git(folder, 'tag', tag);
      await git(folder, 'update-server-info');
      return (await git(folder, 'rev-parse', 'HEAD')).stdout;
    },
    async archive(name, files) {
      const folder = await mkdtemp(path.join(root, 'archive-'));
      await write(path.join(folder, 'buildpack-main'), files);
      await execa('tar', ['--create', '--gzip', '--file', path.join(root, name), 'buildpack-main'], {cwd: folder});
      return (await execa('sha256sum', [path.join(root, name)])).stdout.slice(0, 64);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      server.closeAllConnections();
      server.close();
      await rm(root, {recursive: true, force: true});
    },
  };
}

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), {recursive: true});
    await writeFile(path.join(folder, name), text, {mode: 0o755});
  }
}
