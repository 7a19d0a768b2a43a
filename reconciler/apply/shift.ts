import {mkdir, rm} from 'node:fs/promises';
import type {CaddyAdmin} from '../adapters/caddy.ts';
import type {ContainerSpec, Engine} from '../adapters/engine.ts';
import {replaceFile} from '../adapters/files.ts';
import type {Layout} from '../layout.ts';
import type {RouteStructure, StructuredHost} from '../observed/structure.ts';
import {renderCaddyConfig} from '../router/caddy/config.ts';
import {routerFiles, shiftLayout} from '../router/files.ts';
import type {NodeSettings} from '../settings.ts';
import {openRouteSecrets, type SecretOpener} from './route-secrets.ts';

/** Of the log of a Caddy that did not start: what is wrong stands in its last line. */
const LOG_LINES = 20;
const ERROR_LENGTH_MAX = 500;

/** One Caddy of those that take each other's place: its files and its container. */
export interface ShiftContainer {
  readonly id: string;
  readonly shift: number;
}

export interface RefusedHost {
  readonly host: StructuredHost;
  readonly cause: string;
}

export interface ShiftWorld {
  readonly settings: NodeSettings;
  /** Of the node, not of a shift. */
  readonly layout: Layout;
  readonly secrets: SecretOpener;
  readonly engine: Pick<Engine, 'run' | 'container' | 'logs' | 'send' | 'setRestart' | 'remove'>;
  caddy(shift: number): CaddyAdmin;
  spec(shift: number): ContainerSpec;
  /** It is because of these that a Caddy did not start. */
  onRefused(hosts: readonly RefusedHost[]): void;
}

/** What a Caddy is started from. */
export async function writeShift({shift, structure}: {readonly shift: number; readonly structure: RouteStructure}, {settings, layout, secrets}: Pick<ShiftWorld, 'settings' | 'layout' | 'secrets'>, signal: AbortSignal): Promise<void> {
  const made = {structure, secrets: await openRouteSecrets(structure, secrets)};
  const own = shiftLayout(layout, shift);
  await mkdir(own.caddy, {recursive: true, mode: 0o700});
  const files = routerFiles(own);
  await replaceFile(files.caddyConfig, JSON.stringify(renderCaddyConfig(settings, files, made)), signal);
}

/** Files that are left of it, should we be killed in between, go with the next hand-over. */
export async function removeShift({id, shift}: ShiftContainer, {layout, engine}: Pick<ShiftWorld, 'layout' | 'engine'>, signal: AbortSignal): Promise<void> {
  await engine.remove(id, signal);
  await rm(shiftLayout(layout, shift).caddy, {recursive: true, force: true});
}

/** What a Caddy that did not start said of it. */
export async function lastWords(id: string, engine: Pick<Engine, 'logs'>, signal: AbortSignal): Promise<string> {
  const lines: string[] = [];
  for await (const {text} of engine.logs(id, {tail: LOG_LINES, follow: false}, signal)) lines.push(text.trim());
  const said = lines.filter((line) => line !== '' && !line.startsWith('{')).at(-1) ?? lines.at(-1) ?? 'it said nothing';
  return said.slice(0, ERROR_LENGTH_MAX);
}
