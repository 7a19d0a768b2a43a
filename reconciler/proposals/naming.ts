import type {ProposalRecord} from './record.ts';

const TITLE_LENGTH_MAX = 200;

/** As one line that no terminal takes for an order. */
export function titleOf(message: string): string {
  const [first = ''] = message.trim().split('\n');
  const plain = first.replaceAll(/\p{C}/gu, ' ').trim();
  return plain === '' ? 'a change' : plain.slice(0, TITLE_LENGTH_MAX);
}

export function shortBranch({branch}: ProposalRecord): string {
  return branch.replace('refs/heads/', '');
}
