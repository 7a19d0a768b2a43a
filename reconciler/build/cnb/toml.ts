import {parse, stringify, TomlDate, TomlError} from 'smol-toml';
import {BuildRefused} from '../refused.ts';

/** A table of a TOML file, asked key by key. What is not of the type that is asked for refuses the build, with the file's name. */
export interface Table {
  text(key: string): string | undefined;
  /** False unless given. */
  flag(key: string): boolean;
  texts(key: string): readonly string[];
  /** Empty unless given. */
  table(key: string): Table;
  tables(key: string): readonly Table[];
  has(key: string): boolean;
  /** As it was read, to be written again. */
  value(key: string): unknown;
  readonly keys: readonly string[];
}

/** Reads TOML 1.0. `where` names the file in messages. */
export function readToml(text: string, where: string): Table {
  try {
    // Whole numbers as they are: what a buildpack wrote is given back to it one day.
    return tableOf(parse(text, {integersAsBigInt: true, maxDepth: 50}), where);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new BuildRefused(`${where}:${error.line}:${error.column}: ${(error.message.split('\n')[0] ?? '').replace('Invalid TOML document: ', '')}`);
  }
}

export function writeToml(value: object): string {
  return stringify(value, {numbersAsFloat: true});
}

function tableOf(values: Readonly<Record<string, unknown>>, where: string): Table {
  const value = (key: string) => (Object.hasOwn(values, key) ? values[key] : undefined);
  const wrong = (key: string, expected: string) => new BuildRefused(`${where}: "${key}" must be ${expected}`);
  const list = (key: string, expected: string): readonly unknown[] => {
    const found = value(key) ?? [];
    if (!Array.isArray(found)) throw wrong(key, expected);
    return found;
  };
  return {
    keys: Object.keys(values),
    has: key => value(key) !== undefined,
    value,
    text(key) {
      const found = value(key);
      if (found !== undefined && typeof found !== 'string') throw wrong(key, 'a text in quotes');
      return found;
    },
    flag(key) {
      const found = value(key) ?? false;
      if (typeof found !== 'boolean') throw wrong(key, 'true or false');
      return found;
    },
    texts(key) {
      const found = list(key, 'a list of texts');
      if (!found.every(one => typeof one === 'string')) throw wrong(key, 'a list of texts');
      return found;
    },
    table(key) {
      const found = value(key) ?? {};
      if (!isTable(found)) throw wrong(key, `a table: [${key}]`);
      return tableOf(found, where);
    },
    tables(key) {
      const found = list(key, `a list of tables: [[${key}]]`);
      if (!found.every(isTable)) throw wrong(key, `a list of tables: [[${key}]]`);
      return found.map(one => tableOf(one, where));
    },
  };
}

export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof TomlDate);
}
