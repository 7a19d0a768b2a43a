import type {Readable} from 'node:stream';
import type {BuildStepFailed} from '../adapters/docker-build.ts';
import type {BuildContext} from './context.ts';
import {LimitExceeded} from './limits.ts';
import {formatLimit, warning} from './output.ts';
import {BuildRefused} from './refused.ts';

/** What both builders are told. */
export interface Asked {
  readonly context: Readable;
  readonly dockerfile: string;
  readonly target?: string;
  readonly tag: string;
  readonly arguments: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

const OUT_OF_REACH = /pull access denied|manifest unknown|not found: manifest|dial tcp|lookup .*:53|no such host|Client\.Timeout|failed to resolve/;

export function isOutOfReach({message}: BuildStepFailed): boolean {
  return OUT_OF_REACH.test(message);
}

/** Prints what a builder said, with what it means, and gives the reason for the pusher. */
export function refusal({print, limits}: BuildContext, error: BuildStepFailed): Error {
  for (const line of error.message.split('\n')) print(warning(line));
  if (isOutOfReach(error)) {
    print(warning('An image that the Dockerfile starts FROM is not on this machine and can\'t be pulled: check its name and'));
    print(warning("the machine's access to the registry; flynn/run and flynn/build are always there."));
    return new BuildRefused('the base image of the Dockerfile is out of reach');
  }
  if (/no active sessions/.test(error.message)) print(warning('--mount=type=secret and type=ssh ask the client of the build, and a push has none.'));
  if (/returned a non-zero code: 137/.test(error.message)) return new LimitExceeded(`a step of the Dockerfile used more than ${formatLimit(limits.memoryBytes)} of memory`);
  return new BuildRefused('failed to build the Dockerfile');
}
