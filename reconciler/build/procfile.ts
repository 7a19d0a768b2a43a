import {NAME_LENGTH_MAX} from '../../schemas/names.ts';

export interface Procfile {
  /** Command line by service, in the file's order. */
  readonly services: Readonly<Record<string, string>>;
  /** What is odd about the file, in words for its author. */
  readonly warnings: readonly string[];
}

/** Heroku's own pattern (buildpacks-procfile, SPEC.md). */
const LINE = /^\s*([a-zA-Z0-9_-]+):?\s+(.*\S)\s*$/;
const SERVICES_MAX = 50;
/** What is wrong with a name that is none, in words that follow it. */
const NO_NAME = `can't be a service's name, expected 1 to ${NAME_LENGTH_MAX} letters, digits and "-"`;

/**
 * Reads a Procfile. A service's name is a DNS label, so upper case becomes lower and `_` becomes `-`; of two lines for
 * one service the last counts; a line that is no service is left out. Each of these gives a warning.
 */
export function parseProcfile(text: string): Procfile {
  const services = new Map<string, string>();
  const warnings: string[] = [];
  for (const [index, line] of text.replaceAll('\r\n', '\n').split('\n').entries()) {
    const where = `Procfile:${index + 1}`;
    if (/^\s*(#|$)/.test(line)) continue;
    const [, written, command] = LINE.exec(line) ?? [];
    if (written === undefined || command === undefined) {
      warnings.push(`${where}: "${line.trim().slice(0, 60)}" is not a service, expected "name: command"`);
      continue;
    }
    const name = serviceName(written);
    if (name === undefined) {
      warnings.push(`${where}: "${written.slice(0, 80)}" ${NO_NAME}`);
      continue;
    }
    if (name !== written) warnings.push(`${where}: service "${written}" is named "${name}"`);
    if (services.has(name)) warnings.push(`${where}: service "${name}" was declared before, this line counts`);
    if (services.size >= SERVICES_MAX && !services.has(name)) {
      warnings.push(`${where}: more than ${SERVICES_MAX} services, the rest is left out`);
      break;
    }
    services.set(name, command);
  }
  return {services: Object.fromEntries(services), warnings};
}

/** Default process types under the names of services, as the Procfile's lines have them. */
export function namedServices(types: Readonly<Record<string, string>>): Procfile {
  const named = Object.entries(types).map(([type, line]) => ({type, line, name: serviceName(type)}));
  const services = Object.fromEntries(named.flatMap(({name, line}) => (name === undefined ? [] : [[name, line]])));
  return {services, warnings: named.flatMap(({type, name}) => (name === type ? [] : [name === undefined ? `default process type "${type.slice(0, 80)}" ${NO_NAME}` : `default process type "${type}" is service "${name}"`]))};
}

/** The service that a type of process is. Undefined: it can be none. */
export function serviceName(type: string): string | undefined {
  const name = type.toLowerCase().replaceAll(/[._]/g, '-').replace(/^-+|-+$/g, '');
  return /^[a-z0-9-]+$/.test(name) && name.length <= NAME_LENGTH_MAX ? name : undefined;
}
