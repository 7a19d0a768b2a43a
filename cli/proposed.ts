import type {ProposedAnswer} from '../reconciler/api/answers.ts';

/** Thrown where a command would go on with its change: `--propose` was given, and there is a proposal instead, which `main` tells of. */
export class Proposed extends Error {
  override name = 'Proposed';
  readonly answer: ProposedAnswer;

  constructor(answer: ProposedAnswer) {
    super(`proposed as #${answer.proposal.number}`);
    this.answer = answer;
  }
}

export function isProposed(answer: unknown): answer is ProposedAnswer {
  return typeof answer === 'object' && answer !== null && 'proposal' in answer;
}
