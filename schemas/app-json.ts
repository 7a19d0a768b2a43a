import {REPLICAS_MAX, type CheckManifest} from './app.ts';
import type {CronManifest} from './cron.ts';
import {NAME_LENGTH_MAX, NAME_PATTERN} from './names.ts';
import {fail, ok, type Result} from './result.ts';
import {problemOfVariable} from './variables.ts';

/** What we read of an app.json: Heroku's (devcenter.heroku.com/articles/app-json-schema), with what Dokku adds to it. */
export interface AppJson {
  /** Names or URLs, as `parseBuildpack` reads them. */
  readonly buildpacks: readonly string[];
  readonly env: Readonly<Record<string, WantedVariable>>;
  /** Copies, by service. */
  readonly replicas: Readonly<Record<string, number>>;
  /** By service. */
  readonly checks: Readonly<Record<string, CheckManifest>>;
  readonly crons: Readonly<Record<string, CronManifest>>;
  /** A shell line that is run once, after the first release serves. */
  readonly postdeploy?: string;
  /** Fields that mean something elsewhere, and nothing here. */
  readonly ignored: readonly string[];
}

/** `missing`: somebody has to set it before the first release. */
export type WantedVariable = {readonly kind: 'value'; readonly value: string} | {readonly kind: 'generated'} | {readonly kind: 'missing'} | {readonly kind: 'optional'};

const NOTHING: AppJson = {buildpacks: [], env: {}, replicas: {}, checks: {}, crons: {}, ignored: []};
const IGNORED = ['addons', 'stack', 'image'];

/** The problem is in words that follow "app.json ". */
export function parseAppJson(text: string): Result<AppJson, string> {
  let value: unknown;
  try {
    // Some editors begin a file with a mark of its encoding.
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    return fail(`is not valid JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  if (!isRecord(value)) return fail('must be an object');
  try {
    const postdeploy = postdeployOf(recordOf(value, 'scripts')['postdeploy']);
    return ok({
      ...NOTHING,
      ...(postdeploy !== undefined && {postdeploy}),
      buildpacks: listOf(value, 'buildpacks').map(buildpackOf),
      env: mapped(recordOf(value, 'env'), variableOf),
      replicas: mapped(servicesOf(recordOf(value, 'formation')), replicasOf),
      checks: checksOf(servicesOf(recordOf(value, 'healthchecks'))),
      crons: cronsOf(listOf(value, 'cron')),
      ignored: IGNORED.filter((field) => Object.hasOwn(value, field)),
    });
  } catch (error) {
    if (error instanceof Wrong) return fail(error.message);
    throw error;
  }
}

class Wrong extends Error {
  override name = 'Wrong';
}

function buildpackOf(one: unknown): string {
  const url = isRecord(one) ? one['url'] : one;
  if (typeof url !== 'string') throw new Wrong('has a buildpack without a "url"');
  return url;
}

/** A line, or an object that says on what to run it, too. */
function postdeployOf(given: unknown): string | undefined {
  const command = isRecord(given) ? given['command'] : given;
  if (command === undefined) return undefined;
  if (typeof command !== 'string' || command.trim() === '') throw new Wrong('has scripts.postdeploy that must be a command line');
  return command;
}

/** A text is its value; `required` is true unless it says otherwise. */
function variableOf(one: unknown, name: string): WantedVariable {
  const problem = problemOfVariable(name);
  if (problem !== undefined) throw new Wrong(`has env ${problem}`);
  const {value, generator, required} = isRecord(one) ? one : {value: one};
  if (generator === 'secret') return {kind: 'generated'};
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return {kind: 'value', value: String(value)};
  return {kind: required === false ? 'optional' : 'missing'};
}

function replicasOf(one: unknown, service: string): number {
  const quantity = isRecord(one) ? one['quantity'] ?? 1 : one;
  if (typeof quantity !== 'number' || !Number.isInteger(quantity) || quantity < 0 || quantity > REPLICAS_MAX) throw new Wrong(`has formation.${service}.quantity that must be a whole number from 0 to ${REPLICAS_MAX}, not ${JSON.stringify(quantity)}`);
  return quantity;
}

/** Of several checks of a service one counts: one of its start, if there is such a one. What only waits is what a service without a check does. */
function checksOf(services: Readonly<Record<string, unknown>>): Readonly<Record<string, CheckManifest>> {
  return Object.fromEntries(Object.entries(services).flatMap(([service, list]) => {
    if (!Array.isArray(list)) throw new Wrong(`has healthchecks.${service} that must be a list`);
    const checks = list.filter(isRecord).filter((one) => one['path'] !== undefined || Array.isArray(one['command']) || one['listening'] === true);
    const check = checks.find(({type}) => type === 'startup') ?? checks[0];
    return check === undefined ? [] : [[service, checkOf(check)]];
  }));
}

function checkOf(given: Readonly<Record<string, unknown>>): CheckManifest {
  const {path, command} = given;
  const what = typeof path === 'string' ? {http: path} : Array.isArray(command) ? {command: command.map(String)} : {tcp: true as const};
  const numbers = {port: 'port', attempts: 'retries', timeout: 'timeoutSeconds', wait: 'intervalSeconds', initialDelay: 'startPeriodSeconds'};
  return {...what, ...Object.fromEntries(Object.entries(numbers).flatMap(([theirs, ours]) => (typeof given[theirs] === 'number' ? [[ours, given[theirs]]] : [])))};
}

/** Theirs have no names: a command is called after what it runs. */
function cronsOf(list: readonly unknown[]): Readonly<Record<string, CronManifest>> {
  const crons = new Map<string, CronManifest>();
  for (const one of list) {
    const {command, schedule} = isRecord(one) ? one : {};
    if (typeof command !== 'string' || typeof schedule !== 'string') throw new Wrong('has a cron entry without "command" and "schedule"');
    const name = command.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').slice(0, NAME_LENGTH_MAX - 3).replaceAll(/^-+|-+$/g, '') || 'cron';
    crons.set(crons.has(name) ? `${name}-${crons.size + 1}` : name, {schedule, command});
  }
  return Object.fromEntries(crons);
}

/** By the names that services have here, as with a Procfile. What can't be one, such as Dokku's `_default_`, is left out. */
function servicesOf(record: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name.toLowerCase().replaceAll('_', '-'), value] as const).filter(([name]) => new RegExp(NAME_PATTERN).test(name)));
}

function mapped<Value>(record: Readonly<Record<string, unknown>>, map: (value: unknown, name: string) => Value): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}

function recordOf(value: Readonly<Record<string, unknown>>, field: string): Readonly<Record<string, unknown>> {
  const found = value[field] ?? {};
  if (!isRecord(found)) throw new Wrong(`has "${field}" that must be an object`);
  return found;
}

function listOf(value: Readonly<Record<string, unknown>>, field: string): readonly unknown[] {
  const found = value[field] ?? [];
  if (!Array.isArray(found)) throw new Wrong(`has "${field}" that must be a list`);
  return found;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
