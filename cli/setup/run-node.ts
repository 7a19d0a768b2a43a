import type {runNode} from '../../reconciler/main.ts';

/** The reconciler is loaded only when a node is really run: `flynn up` on a running node has to answer fast. */
export async function loadRunNode(): Promise<typeof runNode> {
  return (await import('../../reconciler/main.ts')).runNode;
}
