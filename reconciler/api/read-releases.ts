import {WEB} from '../../schemas/app.ts';
import type {ImageWish, RollbackWish} from '../release/releases.ts';
import {ApiError} from './problem.ts';

export const LIMIT_DEFAULT = 15;
const NUMBER_MAX = 1e9;

/** `3`, also as `v3`. */
export function readNumber(value: unknown): number {
  const number = typeof value === 'string' && /^v?\d+$/.test(value) ? Number(value.replace(/^v/, '')) : value;
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > NUMBER_MAX) throw new ApiError(400, `"${String(value)}" is not the number of a release such as 3 or v3`);
  return number;
}

/** What a body says, or a query of which `codeOnly` was read. */
export function readRollbackWish({to, from, codeOnly = false}: {readonly to?: unknown; readonly from?: unknown; readonly codeOnly?: boolean} = {}): RollbackWish {
  return {isCodeOnly: codeOnly, ...(to === undefined ? {} : {to: readNumber(to)}), ...(from === undefined ? {} : {from: readNumber(from)})};
}

/** As the schema of the body lets it in. */
export interface ImageBody {
  readonly image: string;
  readonly pull?: boolean;
  readonly service?: string;
  readonly command?: readonly string[];
  readonly port?: number;
}

export function imageWishOf({image, pull = false, service = WEB, command = [], port}: ImageBody): ImageWish {
  return {image, isPulled: pull, service, command, ...(port === undefined ? {} : {port})};
}
