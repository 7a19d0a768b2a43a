import {deflateRawSync, inflateRawSync} from 'node:zlib';
import type {RouteStructure} from '../../observed/structure.ts';
import {NO_SECRETS, type RouteSecrets} from './options.ts';
import {NEVER, type Json} from './parts.ts';

/** What routes make of a configuration. */
export interface RouteConfig {
  readonly structure: RouteStructure;
  readonly secrets?: RouteSecrets;
}

/** Quick rather than small. */
const COMPRESSION = {level: 1} as const;
/** Ten times of what 5,000 hosts take. */
const BYTES_MAX = 50_000_000;

/**
 * What the configuration was made from, in the configuration itself: whoever reads it back need not guess, and there is no second file. Packed,
 * because Caddy goes over each byte of a configuration several times before it runs it; it is a twentieth then.
 */
export function carry({structure, secrets = NO_SECRETS}: RouteConfig): string {
  return deflateRawSync(JSON.stringify({structure, secrets}), COMPRESSION).toString('base64');
}

/** A route that is never taken. */
export function carrier(made: string): Json {
  return {match: [{method: [NEVER]}], handle: [{handler: 'vars', made}]};
}

/** What a configuration has of `carry`, as it stands there. */
export function carriedIn(config: unknown): string | undefined {
  try {
    const {apps: {http: {servers: {unknown: {routes: [{handle: [{made}]}]}}}}} = config as Rendered;
    return made;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Undefined where it is none of ours. Whether it is of this version's shape shows when it is rendered again. */
export function unpacked(made: string): Required<RouteConfig> | undefined {
  try {
    const {structure, secrets = NO_SECRETS} = JSON.parse(inflateRawSync(Buffer.from(made, 'base64'), {maxOutputLength: BYTES_MAX}).toString()) as Partial<RouteConfig>;
    return structure && {structure, secrets};
  } catch {
    // Bytes of whatever kind.
    return undefined;
  }
}

interface Rendered {
  readonly apps: {readonly http: {readonly servers: {readonly unknown: {readonly routes: readonly [{readonly handle: readonly [{readonly made?: string}]}]}}}};
}
