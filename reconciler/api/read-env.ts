import {NAME_PATTERN} from '../../schemas/names.ts';
import {problemOfValue, problemOfVariable} from '../../schemas/variables.ts';
import type {EnvRequest} from './config-answers.ts';
import {ApiError} from './problem.ts';

const VARIABLES_MAX = 500;

/** What is asked for is never repeated in a refusal, but for names. */
export function readEnvRequest(body: unknown): EnvRequest {
  const {set = {}, unset = [], service, secret = false} = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>;
  if (!isRecord(set)) throw new ApiError(400, 'set has to be an object such as {"LOG_LEVEL": "info"}');
  if (!Array.isArray(unset)) throw new ApiError(400, 'unset has to be a list such as ["LOG_LEVEL"]');
  if (typeof secret !== 'boolean') throw new ApiError(400, 'secret has to be true or false');
  if (service !== undefined && (typeof service !== 'string' || !new RegExp(NAME_PATTERN).test(service))) throw new ApiError(400, `${JSON.stringify(service)} can't name a service`);
  const names = [...Object.keys(set), ...unset.map((name: unknown) => (typeof name === 'string' ? name : ''))];
  if (names.length === 0) throw new ApiError(400, 'the body has to be a JSON object with "set" or "unset"');
  if (names.length > VARIABLES_MAX) throw new ApiError(400, `${names.length} variables at once are too many: at most ${VARIABLES_MAX}`);
  for (const [index, name] of names.entries()) {
    const problem = problemOfVariable(name) ?? (names.indexOf(name) === index ? undefined : `${name} is there twice`);
    if (problem !== undefined) throw new ApiError(400, problem);
  }
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(set)) {
    if (typeof value !== 'string') throw new ApiError(400, `the value of ${name} has to be a string`);
    const problem = problemOfValue(name, value);
    if (problem !== undefined) throw new ApiError(400, problem);
    values[name] = value;
  }
  // All of them were strings: a name that is none is refused above.
  return {set: values, unset: unset as readonly string[], secret, ...(service !== undefined && {service})};
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
