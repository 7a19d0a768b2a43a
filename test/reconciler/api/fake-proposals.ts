import type {CommitId} from '../../../schemas/ids.ts';
import type {Principal} from '../../../reconciler/api/authenticate.ts';
import {NothingThere, type Change} from '../../../reconciler/checkout/snapshot.ts';
import type {Merged, ProposalDetails, ProposalSummary, Proposals, ReviewWish} from '../../../reconciler/proposals/proposals.ts';

const COMMIT = '1a2b3c4d'.repeat(5) as CommitId;

/** Proposals that are never looked into: tests read what was asked. */
export class FakeProposals implements Proposals {
  readonly asked: string[] = [];
  readonly first: ProposalDetails = {
    number: 1, title: 'shop: scale web 1 → 3', state: 'open', branch: 'proposals/1-shop-scale-web-1-3', by: 'Dee', at: '2026-11-23T10:10:01Z', tip: COMMIT, onto: COMMIT,
    approvals: {has: 0, needs: 1},
    commits: [{commit: COMMIT, by: 'Dee', subject: 'shop: scale web 1 → 3'}],
    files: [{path: 'apps/shop/app.yaml', change: 'changed', isProtected: true}],
    conflicts: [], problems: [], reviews: [], comments: [{by: 'Max', at: '2026-11-23T10:11:01Z', text: 'why 3?\n2 were enough'}],
    missing: ['apps/shop/app.yaml: 0 of 1 approval of people who may change its app.yaml (shop)'],
    plan: {
      difference: {apps: [{app: 'shop' as never, change: 'changed', fields: [{field: 'services.web.replicas', from: 1, to: 3}], effects: ['web: 3 replicas instead of 1'], replicas: {starts: 2, stops: 0, replaced: 0}}], shared: [], people: [], certificates: [], nodes: [], cost: {before: {memoryBytes: 2 ** 29, cpus: 1}, after: {memoryBytes: 3 * 2 ** 29, cpus: 3}}},
      lines: ['~ shop', '    services.web.replicas  1 → 3', '    web: 3 replicas instead of 1', 'all replicas together may use at most: memory 512Mi → 1536Mi, cores 1 → 3'],
    },
    seen: 'as-it-is',
  };

  async list() {
    return [summaryOf(this.first)];
  }

  async show(number: number) {
    if (number !== this.first.number) throw new NothingThere(`there is no proposal #${number}`);
    return this.first;
  }

  async propose({message}: Change, {user}: Principal) {
    this.asked.push(`${user} proposes ${message}`);
    return {proposal: this.first, isNew: true};
  }

  async approve(number: number, {comment, seen}: ReviewWish, {user}: Principal) {
    this.asked.push(`${user} approves #${number} as ${seen}${comment === undefined ? '' : `: ${comment}`}`);
    return {...this.first, missing: []};
  }

  async comment(number: number, text: string, {user}: Principal) {
    this.asked.push(`${user} says of #${number}: ${text}`);
    return {...this.first, comments: [{by: user, at: this.first.at, text}]};
  }

  async close(number: number, {comment}: ReviewWish, {user}: Principal) {
    this.asked.push(`${user} closes #${number}: ${comment}`);
    return {...summaryOf(this.first), state: 'closed' as const};
  }

  async merge(number: number, {seen}: ReviewWish, {user}: Principal): Promise<Merged> {
    this.asked.push(`${user} merges #${number} as ${seen}`);
    return {commit: COMMIT, isNew: true, message: 'shop: scale web 1 → 3 (#1)', number, apps: ['shop' as never]};
  }

  proposedImages() {
    return new Map();
  }
}

function summaryOf({number, title, state, branch, by, at, tip, approvals}: ProposalDetails): ProposalSummary {
  return {number, title, state, branch, by, at, ...(tip !== undefined && {tip}), ...(approvals !== undefined && {approvals})};
}
