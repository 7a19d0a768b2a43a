import {Readable} from 'node:stream';
import type {FastifyInstance, FastifyRequest} from 'fastify';
import {NAME_PATTERN} from '../../schemas/names.ts';
import {anySignal} from '../any-signal.ts';
import type {BackupSummary} from '../volumes/format.ts';
import type {Volume, VolumeId} from '../volumes/volumes.ts';
import {noted} from './audit.ts';
import {goneSignal} from './gone.ts';
import type {RouteParts} from './node-routes.ts';
import {seenBy, whoAsks} from './permit.ts';
import {ApiError, explaining} from './problem.ts';
import {readAppName} from './read.ts';

const TAR = 'application/x-tar';
const QUESTION_MS_MAX = 60_000;
/** A volume may be large and a line slow. */
const COPY_MS_MAX = 12 * 60 * 60_000;
const NAME = new RegExp(NAME_PATTERN);

type VolumeParams = {readonly Params: {readonly app: string; readonly volume: string}};

/** Volumes of apps: backups go out and come in as they are, however large. */
export function registerVolumeRoutes(v1: FastifyInstance, {view, authenticate, closing}: RouteParts): void {
  const {volumes} = view;
  const note = (request: FastifyRequest, action: string, {app, name}: VolumeId) => noted(request, {view, authenticate}, {action, app, subject: name});
  const within = (ms: number) => anySignal([closing, AbortSignal.timeout(ms)]);
  // Nothing is parsed: the stream itself is the body. Only these routes take it.
  v1.addContentTypeParser(TAR, (_request, payload, done) => done(null, payload));

  v1.get<{Querystring: {readonly app?: string}}>('/volumes', async (request): Promise<readonly Volume[]> => {
    const {app} = request.query;
    const all = await explaining("can't look at the volumes", volumes.list(app === undefined ? undefined : readAppName(app), within(QUESTION_MS_MAX)));
    const isSeen = seenBy(whoAsks(request, authenticate));
    return all.filter((volume) => isSeen({app: volume.app}));
  });

  v1.get<VolumeParams>('/apps/:app/volumes/:volume/backup', async (request, reply) => {
    const id = readVolume(request.params);
    const gone = goneSignal(reply);
    await note(request, 'volume backup', id);
    const bytes = await explaining("can't read the volume", volumes.backup(id, anySignal([gone, within(COPY_MS_MAX)])));
    return reply.header('cache-control', 'no-store').type(TAR).send(Readable.from(bytes, {objectMode: false}));
  });

  v1.post<VolumeParams & {Body: unknown}>('/apps/:app/volumes/:volume/restore', async (request): Promise<BackupSummary> => {
    const id = readVolume(request.params);
    if (!(request.body instanceof Readable)) throw new ApiError(415, `a backup is sent as ${TAR}`);
    await note(request, 'volume restore', id);
    return explaining("can't restore the volume", volumes.restore(id, request.body as AsyncIterable<Uint8Array>, within(COPY_MS_MAX)));
  });

  // Nobody removes data by a slip: its name has to be there twice.
  v1.post<VolumeParams & {Body: {confirm: string}}>('/apps/:app/volumes/:volume/remove', async (request) => {
    const id = readVolume(request.params);
    const {confirm: confirmed} = request.body;
    if (confirmed !== `${id.app}/${id.name}`) throw new ApiError(400, `confirm is ${JSON.stringify(confirmed)}; it has to be "${id.app}/${id.name}"`);
    await note(request, 'volume rm', id);
    await explaining("can't remove the volume", volumes.remove(id, within(QUESTION_MS_MAX)));
    return id;
  });
}

function readVolume({app, volume}: VolumeParams['Params']): VolumeId {
  if (!NAME.test(volume)) throw new ApiError(400, `"${volume}" can't name a volume`);
  return {app: readAppName(app), name: volume};
}
