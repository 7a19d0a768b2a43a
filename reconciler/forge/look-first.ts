import {ForgeFailed} from './http.ts';

/**
 * Makes something at a forge that must not be there twice. When the answer was lost, or says that there is one, it is looked for before anybody is told of a failure.
 *
 * @throws {ForgeFailed} when it could not be made, and is not there
 */
export async function lookFirst<Value>({make, find}: {make(): Promise<Value>; find(): Promise<Value | undefined>}, signal: AbortSignal): Promise<Value> {
  try {
    return await make();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ForgeFailed)) throw error;
    const isUnclear = error.status === undefined || error.status >= 500 || error.status === 409 || error.status === 422;
    const found = isUnclear ? await find() : undefined;
    if (found === undefined) throw error;
    return found;
  }
}
