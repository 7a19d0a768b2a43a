import {mkdir} from 'node:fs/promises';
import type {CaddyAdmin} from '../adapters/caddy.ts';
import {ConfigRefused} from '../adapters/caddy.ts';
import type {UnboundControl} from '../adapters/unbound.ts';
import {readIfThere, replaceFile} from '../adapters/files.ts';
import type {Layout} from '../layout.ts';
import type {NameTable} from '../observed/state.ts';
import type {RouteStructure} from '../observed/structure.ts';
import {renderCaddyConfig} from '../router/caddy/config.ts';
import {routerFiles, shiftLayout} from '../router/files.ts';
import {GENERATION_NAME} from '../router/names.ts';
import {answerable, complete, generationRecord, published, recordChange, recordsIn, renderRecordsFile, tableOf} from '../router/records.ts';
import {renderUnboundConfig, unknownTarget} from '../router/unbound-config.ts';
import {openRouteSecrets, type SecretOpener} from './route-secrets.ts';
import type {NodeSettings} from '../settings.ts';

export interface RouterWorld {
  readonly settings: NodeSettings;
  readonly layout: Layout;
  readonly caddy: CaddyAdmin;
  readonly unbound: UnboundControl;
  readonly secrets: SecretOpener;
}

/** As long a number as there will ever be: they start again at 1 when no Caddy is left. */
const SHIFT_MAX = 999_999;
/** sun_path of unix(7) holds 108 bytes, the last of them 0. */
const SOCKET_PATH_BYTES_MAX = 107;

/**
 * Makes the DNS server answer these names and no others: first in the file that it starts from, then in the running
 * one, of which only the difference is changed. Safe to repeat; rejects when unbound can't be asked.
 */
export async function publishNames(names: NameTable, {settings, layout, unbound}: Pick<RouterWorld, 'settings' | 'layout' | 'unbound'>, signal: AbortSignal): Promise<void> {
  const wanted = complete(answerable(names), unknownTarget(settings));
  await replaceFile(routerFiles(layout).records, renderRecordsFile(wanted), signal);
  const change = recordChange(await unbound.listRecords(signal), wanted);
  // Whoever looks now, or after we were killed half-way, must not take the old generation for what is there.
  await unbound.removeRecords([`${GENERATION_NAME}.`], signal);
  await unbound.addZones(change.zonesToAdd, signal);
  await unbound.addRecords(change.recordsToAdd, signal);
  await unbound.removeRecords(change.namesToReplace, signal);
  await unbound.addRecords(change.replacements, signal);
  await unbound.removeZones(change.zonesToRemove, signal);
  await unbound.addRecords([generationRecord(wanted)], signal);
}

/**
 * Makes a running Caddy run this structure, now and after a restart, which closes websockets: for one that was changed by hand. A structure that it refuses
 * leaves everything as it was. `layout`: of its shift.
 */
export async function loadRoutes(structure: RouteStructure, {settings, layout, caddy, secrets}: Omit<RouterWorld, 'unbound'>, signal: AbortSignal): Promise<void> {
  const files = routerFiles(layout);
  const config = renderCaddyConfig(settings, files, {structure, secrets: await openRouteSecrets(structure, secrets)});
  const before = await readIfThere(files.caddyConfig, signal);
  await replaceFile(files.caddyConfig, JSON.stringify(config), signal);
  try {
    await caddy.load(config, signal);
  } catch (error) {
    if (error instanceof ConfigRefused && before !== undefined) await replaceFile(files.caddyConfig, before, signal);
    throw error;
  }
}

/**
 * Writes what the DNS server starts from, before it is made, and makes the folders. Names that are on the disk already stay: they are what runs. Throws when the data directory's path is too long for a unix socket.
 */
export async function prepareRouterFiles({settings, layout}: Pick<RouterWorld, 'settings' | 'layout'>, signal: AbortSignal): Promise<void> {
  const files = routerFiles(layout);
  assertSocketPaths([routerFiles(shiftLayout(layout, SHIFT_MAX)).caddySocket, files.unboundSocket, files.haproxySocket, files.haproxyMasterSocket]);
  for (const folder of [layout.caddy, layout.unbound]) await mkdir(folder, {recursive: true, mode: 0o700});

  await replaceFile(files.unboundConfig, renderUnboundConfig(settings, files), signal);
  const names = published(tableOf(recordsIn(await readIfThere(files.records, signal) ?? '')), unknownTarget(settings));
  await replaceFile(files.records, renderRecordsFile(complete(answerable(names), unknownTarget(settings))), signal);
}

function assertSocketPaths(sockets: readonly string[]): void {
  const excess = Math.max(...sockets.map((socket) => Buffer.byteLength(socket))) - SOCKET_PATH_BYTES_MAX;
  if (excess > 0) throw new Error(`the paths of sockets such as "${sockets[0]}" would be too long: choose a data directory whose path is ${excess} bytes shorter`);
}
