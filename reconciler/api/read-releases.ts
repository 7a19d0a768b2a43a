import {NAME_PATTERN} from '../../schemas/names.ts';
import {WEB} from '../../schemas/app.ts';
import type {ImageWish, RollbackWish} from '../release/releases.ts';
import {ApiError} from './problem.ts';

export const LIMIT_DEFAULT = 15;
const NUMBER_MAX = 1e9;
const IMAGE_LENGTH_MAX = 500;
const WORDS_MAX = 100;
const WORD_LENGTH_MAX = 10_000;

/** `3`, also as `v3`. */
export function readNumber(value: unknown): number {
  const number = typeof value === 'string' ? Number(value.replace(/^v/, '')) : value;
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > NUMBER_MAX) throw new ApiError(400, `"${String(value)}" is not the number of a release such as 3 or v3`);
  return number;
}

export function readRollbackWish(body: unknown): RollbackWish {
  const {to, from, codeOnly = false} = objectOf(body, ['to', 'from', 'codeOnly']);
  if (typeof codeOnly !== 'boolean') throw new ApiError(400, 'codeOnly has to be true or false');
  return {isCodeOnly: codeOnly, ...(to === undefined ? {} : {to: readNumber(to)}), ...(from === undefined ? {} : {from: readNumber(from)})};
}

export function readImageWish(body: unknown): ImageWish {
  const {image, pull = false, service = WEB, command = [], port} = objectOf(body, ['image', 'pull', 'service', 'command', 'port']);
  if (typeof image !== 'string' || image === '' || image.length > IMAGE_LENGTH_MAX) throw new ApiError(400, 'image has to be the name of an image such as nginx:1.27');
  if (typeof pull !== 'boolean') throw new ApiError(400, 'pull has to be true or false');
  if (typeof service !== 'string' || !new RegExp(NAME_PATTERN).test(service)) throw new ApiError(400, `"${String(service)}" can't name a service`);
  const isCommand = Array.isArray(command) && command.length <= WORDS_MAX && command.every((word) => typeof word === 'string' && word.length <= WORD_LENGTH_MAX);
  if (!isCommand) throw new ApiError(400, `command has to be a list of at most ${WORDS_MAX} words`);
  const isPort = port === undefined || (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535);
  if (!isPort) throw new ApiError(400, 'port has to be a whole number from 1 to 65535');
  return {image, isPulled: pull, service, command: command as readonly string[], ...(port === undefined ? {} : {port: port as number})};
}

function objectOf(body: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body)) throw new ApiError(400, 'the body has to be a JSON object');
  const unknownField = Object.keys(body).find((name) => !known.includes(name));
  if (unknownField !== undefined) throw new ApiError(400, `"${unknownField}" means nothing here; known are ${known.join(', ')}`);
  return body as Readonly<Record<string, unknown>>;
}
