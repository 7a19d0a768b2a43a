export interface Procfile {
  /** Command line by service, in the file's order. */
  readonly services: Readonly<Record<string, string>>;
  /** What is odd about the file, in words for its author. */
  readonly warnings: readonly string[];
}

/** Heroku's own pattern (buildpacks-procfile, SPEC.md). */
const LINE = /^\s*([a-zA-Z0-9_-]+):?\s+(.*\S)\s*$/;
const NAME_MAX = 63;
const SERVICES_MAX = 50;

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
    const name = written.toLowerCase().replaceAll('_', '-').replace(/^-+|-+$/g, '');
    if (name === '' || name.length > NAME_MAX) {
      warnings.push(`${where}: "${written.slice(0, 80)}" can't be a service's name, expected 1 to ${NAME_MAX} letters, digits and "-"`);
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
