import type {AppName} from '../../schemas/ids.ts';
import {anySignal} from '../any-signal.ts';
import {formatDuration} from '../build/output.ts';
import type {DeployOutcome, NodeView} from '../node.ts';
import {ReleaseRefused} from './refused.ts';

/** Added to the app's own limit for a deploy, after which the node itself says that it failed, in milliseconds. */
export const CONVERGED_MARGIN_MS = 60_000;

export interface Converging {
  readonly app: AppName;
  readonly node: Pick<NodeView, 'converged'>;
  readonly limitMs: number;
  print(line: string): void;
}

/**
 * Waits until the app is as git says, or has failed. A node that is held back (cluster.yaml is wrong, its remote or its engine is gone)
 * says neither: the app's turn would be held for ever.
 *
 * @throws {ReleaseRefused} after the limit, with what the node said last
 */
export async function convergedInTime({app, node, limitMs, print}: Converging, signal: AbortSignal): Promise<DeployOutcome> {
  const limit = AbortSignal.timeout(limitMs);
  let last = 'the node said nothing';
  try {
    return await node.converged(app, (line) => {
      last = line;
      print(line);
    }, anySignal([signal, limit]));
  } catch (error) {
    if (!limit.aborted || signal.aborted) throw error;
    throw new ReleaseRefused(`not deployed within ${formatDuration(limitMs)}: ${last}`);
  }
}
