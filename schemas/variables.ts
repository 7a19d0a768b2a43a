import type {SchemaObject} from 'ajv';

const VARIABLE_NAME_PATTERN = '^[A-Za-z_][A-Za-z0-9_]*$';
const VARIABLE_NAME_RULE = 'must be the name of a variable: letters, digits and _, not a digit first';

/** The kernel's limit for one environment string is 128 KiB (execve(2), MAX_ARG_STRLEN). */
export const ENV_VALUE_LENGTH_MAX = 100_000;

export const variableNameSchema: SchemaObject = {pattern: VARIABLE_NAME_PATTERN, errorMessage: VARIABLE_NAME_RULE};

/** Why this can't be the name of a variable; undefined when it can. */
export function problemOfVariable(name: string): string | undefined {
  return new RegExp(VARIABLE_NAME_PATTERN).test(name) ? undefined : `"${name}" ${VARIABLE_NAME_RULE}`;
}

/** A surrogate without its other half is no Unicode, and becomes another character or an error wherever it is written. */
export const HALF_CHARACTER = 'half of a character: \\ud800 to \\udfff come in pairs only';

/** Why this can't be the value of a variable, without repeating it; undefined when it can. */
export function problemOfValue(name: string, value: string): string | undefined {
  if (value.includes('\0')) return `the value of ${name} has a NUL character, which no environment can hold`;
  if (!value.isWellFormed()) return `the value of ${name} has ${HALF_CHARACTER}`;
  if (Buffer.byteLength(value) > ENV_VALUE_LENGTH_MAX) return `the value of ${name} has ${Buffer.byteLength(value)} bytes, at most ${ENV_VALUE_LENGTH_MAX} fit`;
  return undefined;
}
