import type {ManifestFile} from '../../reconciler/checkout/snapshot.ts';
import type {ClusterConfig} from '../../reconciler/desired/cluster.ts';
import {resolveCluster} from '../../reconciler/desired/cluster.ts';
import type {BlobId} from '../../schemas/ids.ts';

/** The first lines of a manifest. */
export function head(kind: string): string {
  return `apiVersion: flynn/v1\nkind: ${kind}\n`;
}

export function file(path: string, text: string): ManifestFile {
  return {path, kind: 'text', blobId: '' as BlobId, text};
}

export function app(name: string, yaml = ''): ManifestFile {
  return file(`apps/${name}/app.yaml`, head('App') + yaml);
}

/** `services` as a flow mapping, such as `{web: {command: [node x]}}`. */
export function release(name: string, number: number, services = '{web: {command: [node server.js]}}'): ManifestFile {
  return file(`apps/${name}/releases/v${String(number).padStart(4, '0')}.yaml`, `${head('Release')}image: sha256:${String(number % 10).repeat(64)}
source: {commit: ${'b'.repeat(40)}, builder: Node.js}
services: ${services}
pushedBy: ann
createdAt: 2026-11-23T09:30:00Z
`);
}

export function cluster(yaml = ''): ManifestFile {
  return file('cluster.yaml', `${head('Cluster')}name: test\ndomain: flynn.localhost\n${yaml}`);
}

export function config(yaml = ''): ClusterConfig {
  const resolved = resolveCluster([cluster(yaml)]);
  if (!resolved.ok) throw new Error(resolved.problem[0]?.message);
  return resolved.value;
}
