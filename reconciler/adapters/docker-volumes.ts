import path from 'node:path';
import type {Readable} from 'node:stream';
import type Docker from 'dockerode';
import {unlessStatus} from './docker-build.ts';
import {TAR_END, tarHeader, tarPieces} from './tar.ts';

/**
 * A new volume is root's, and a container that runs as another user could not write to it. So it is given to that user: once, while it is
 * empty and root's. What an image has at the place of a volume was copied into it by the engine, owners included, and is left alone.
 *
 * `options` are those of the container, which has been made but not started.
 */
export async function giveVolumesToUser(docker: Docker, containerId: string, options: Docker.ContainerCreateOptions, signal: AbortSignal): Promise<void> {
  const container = docker.getContainer(containerId);
  const {Config: {User}} = await container.inspect({abortSignal: signal});
  if (/^(0|root)?(:|$)/.test(User)) return;
  const targets = (options.HostConfig?.Mounts ?? []).map(({Target}) => Target);
  const fresh: string[] = [];
  for (const target of targets) if (await isEmptyAndOfRoot(container, target, signal)) fresh.push(target);
  if (fresh.length === 0) return;

  // Nothing can be put beside the volumes of a container whose root is read-only, and a volume's own folder is an entry of the one around it.
  const {Image, HostConfig: {Mounts = []} = {}} = options;
  const name = `${options.name}-volumes`;
  await docker.getContainer(name).remove({force: true, abortSignal: signal}).catch(unlessStatus(404));
  const helper = await docker.createContainer({name, User, ...(Image !== undefined && {Image}), HostConfig: {Mounts}, abortSignal: signal});
  try {
    for (const target of fresh) {
      const entry = tarHeader({name: `${path.basename(target)}/`, type: '5', sizeBytes: 0, mode: 0o755, ownerId: 0, groupId: 0});
      // `copyUIDGID`: whatever the entry says, it is given to the container's user, whose name the engine looks up in the image.
      await helper.putArchive(Buffer.concat([entry, TAR_END]), {path: path.dirname(target), copyUIDGID: 'true', abortSignal: signal});
    }
  } finally {
    await helper.remove({force: true, abortSignal: signal});
  }
}

async function isEmptyAndOfRoot(container: Docker.Container, target: string, signal: AbortSignal): Promise<boolean> {
  const archive = await container.getArchive({path: target, abortSignal: signal}) as Readable;
  try {
    const headers = [];
    for await (const {header} of tarPieces(archive)) {
      if (header !== undefined && header.type !== 'x') headers.push(header);
      if (headers.length > 1) return false;
    }
    return headers[0]?.type === '5' && headers[0].ownerId === 0;
  } finally {
    archive.destroy();
  }
}
