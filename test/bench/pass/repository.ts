import {rm} from 'node:fs/promises';
import {git} from '../../../reconciler/adapters/git.ts';
import {createOwnRepo} from '../../../reconciler/checkout/own.ts';

const RELEASES = 9;
/** app.yaml and its releases. */
export const MANIFESTS_PER_APP = RELEASES + 1;

/** A packed bare repository of so many apps, each with a history of releases, as a cluster has it after some weeks. */
export async function generateRepository(gitdir: string, apps: number, signal: AbortSignal): Promise<void> {
  await rm(gitdir, {recursive: true, force: true});
  const files: Record<string, string> = {'cluster.yaml': `${head('Cluster')}name: bench\ndomain: bench.localhost\nnetworks: {range: 10.0.0.0/8}\n`, 'nodes/node.yaml': head('Node')};
  for (let index = 1; index <= apps; index += 1) {
    const name = `app-${String(index).padStart(4, '0')}`;
    files[`apps/${name}/app.yaml`] = appYaml(`first-${index}`);
    for (let release = 1; release <= RELEASES; release += 1) files[`apps/${name}/releases/v${String(release).padStart(4, '0')}.yaml`] = releaseYaml(index, release);
  }
  await createOwnRepo({gitdir, files, author: {name: 'bench', email: 'bench@localhost'}}, signal);
  await git(['gc', '--quiet'], {gitdir}, signal);
}

/** `value` is the one thing that a commit changes. */
export function appYaml(value: string): string {
  return `# yaml-language-server: $schema=../../.flynn/schemas/app.schema.json
${head('App')}
services:
  web:
    replicas: 1
    limits: {memory: 256Mi, cpus: 0.5}
    check: {http: /healthz}   # what says that a copy works
    stopGraceSeconds: 30

env:
  LOG_LEVEL: info
  VALUE: ${value}
`;
}

function releaseYaml(app: number, release: number): string {
  const digest = (app * 100 + release).toString(16).padStart(64, '0');
  return `${head('Release')}image: sha256:${digest}
source: {commit: '${digest.slice(24)}', builder: Node.js}
services:
  web: {command: [node server.js]}
  worker: {command: [node worker.js]}
pushedBy: ann
createdAt: 2026-11-23T09:30:00Z
`;
}

function head(kind: string): string {
  return `apiVersion: flynn/v1\nkind: ${kind}\n`;
}
