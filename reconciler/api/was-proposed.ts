import type {ProposedAnswer} from './answers.ts';

/** Thrown where a handler would go on with its commit: there is none yet, and the answer is the proposal. */
export class WasProposed extends Error {
  override name = 'WasProposed';
  readonly answer: ProposedAnswer;

  constructor(answer: ProposedAnswer) {
    super(`proposed as #${answer.proposal.number}`);
    this.answer = answer;
  }
}
