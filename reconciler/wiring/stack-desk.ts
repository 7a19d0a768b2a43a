import type Docker from 'dockerode';
import type {Readable} from 'node:stream';
import {makeStackImages, type StackImages} from '../../buildpacks/stack/images.ts';
import {LABEL_DEBIAN, LABEL_STACK} from '../../buildpacks/stack/labels.ts';
import {inspectImage, withDeadline} from '../adapters/docker-build.ts';
import {tarPieces} from '../adapters/tar.ts';
import {LineQueue} from '../api/stream.ts';
import {PackageImages} from '../build/packages.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import type {StackDesk, StackImageInfo, StackLine, StackPackage} from '../node.ts';

export interface StackParts {
  readonly docker: Docker;
  readonly instance: string;
  readonly stack: StackImages;
}

/** What apps are built in and run on: told of, and made anew with the updates of the day. */
export function stackDesk({docker, instance, stack}: StackParts): StackDesk {
  let isBuilding = false;
  const make = async (print: (line: string) => void, signal: AbortSignal) => {
    const {run, build} = await makeStackImages({docker, print, which: ['run', 'build'], isRenewed: true}, signal);
    const bases = await Promise.all([run, build].map(async (tag) => (await inspectImage(docker, tag, signal))?.Id));
    await new PackageImages({docker, instance}).renew({bases: bases.filter((id) => id !== undefined), print}, signal);
  };
  const info = (signal: AbortSignal) => Promise.all((['run', 'build', 'router'] as const).map((name) => imageInfo(docker, {name, tag: stack[name]}, signal)));
  return {
    info,
    packages: (image, signal) => packagesOf(docker, stack[image], signal),
    async* build(signal): AsyncGenerator<StackLine> {
      if (isBuilding) throw new EditRefused('the stack is being built already');
      isBuilding = true;
      try {
        const before = await info(signal);
        const lines = new LineQueue<StackLine>(signal);
        const made = make((print) => lines.push({print}), signal).finally(() => lines.end());
        made.catch(() => {}); // Heard of below.
        yield* lines;
        await made;
        const after = await info(signal);
        yield {images: after.map((image, index) => ({...image, isNew: image.id !== before[index]?.id}))};
      } finally {
        isBuilding = false;
      }
    },
  };
}

async function imageInfo(docker: Docker, {name, tag}: Pick<StackImageInfo, 'name' | 'tag'>, signal: AbortSignal): Promise<StackImageInfo> {
  const image = await inspectImage(docker, tag, signal);
  if (image === undefined) return {name, tag};
  const taggedAt = (image as {Metadata?: {LastTagTime?: string}}).Metadata?.LastTagTime;
  const madeAt = taggedAt !== undefined && Date.parse(taggedAt) > 0 ? taggedAt : image.Created;
  const debian = image.Config.Labels?.[LABEL_DEBIAN];
  return {name, tag, id: image.Id, madeAt, sizeBytes: image.Size, ...(debian === undefined ? {} : {debian})};
}

/** What dpkg wrote down in the image. The container is made to look into, and never started. */
async function packagesOf(docker: Docker, tag: string, signal: AbortSignal): Promise<readonly StackPackage[]> {
  const container = await docker.createContainer({Image: tag, Cmd: ['none'], Labels: {[LABEL_STACK]: 'looked-at'}, abortSignal: withDeadline(signal)} as Docker.ContainerCreateOptions);
  try {
    const archive = await container.getArchive({path: '/var/lib/dpkg/status', abortSignal: withDeadline(signal)} as {path: string}) as unknown as Readable;
    const parts: Buffer[] = [];
    for await (const {header, bytes} of tarPieces(archive)) if (header === undefined) parts.push(bytes);
    return readDpkgStatus(Buffer.concat(parts).toString());
  } finally {
    await container.remove({force: true});
  }
}

/** Exported for its test. `status`: stanzas of `Field: value`, with an empty line between them (dpkg-query(1)). */
export function readDpkgStatus(status: string): readonly StackPackage[] {
  return status.split(/\n\n+/).flatMap((stanza) => {
    const field = (name: string) => new RegExp(`^${name}: (.+)$`, 'm').exec(stanza)?.[1];
    const [name, version] = [field('Package'), field('Version')];
    return name === undefined || version === undefined || field('Status') !== 'install ok installed' ? [] : [{name, version}];
  });
}
