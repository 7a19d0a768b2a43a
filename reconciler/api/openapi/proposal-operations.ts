import type {SchemaObject} from 'ajv';
import type {Merged, ProposalDetails, ProposalSummary} from '../../proposals/proposals.ts';
import type {ProposedAnswer} from '../answers.ts';
import {action, question, type Operations} from './operation.ts';
import {APP, AT, bodyOf, COMMIT, count, type Fields, flag, listOf, maybe, objectOf, oneOfTexts, ref, text} from './schema.ts';

const COMMENT = text('A word beside it.', {maxLength: 2000});
const SEEN = text('`seen` of the proposal as it was looked at: refused when it would be something else by now.', {maxLength: 200});

/** Changes that wait for others. */
export const PROPOSAL_OPERATIONS: Operations = {
  'GET /v1/proposals': question('proposals', 'List proposed changes', listOf(ref('ProposalSummary')), {query: {state: oneOfTexts('Default: open.', ['open', 'all'])}, pages: {key: ['number']}}),
  'GET /v1/proposals/:number': question('proposals', 'Show one, with what it would change on main as it is now', ref('Proposal')),
  'POST /v1/proposals/:number/approve': action('proposals', 'Approve one', ref('Proposal'), {body: bodyOf({comment: COMMENT, seen: SEEN}), isBodyOptional: true}),
  'POST /v1/proposals/:number/comments': action('proposals', 'Say something about one; it decides nothing', ref('Proposal'), {body: bodyOf({comment: COMMENT}, ['comment'])}),
  'POST /v1/proposals/:number/close': action('proposals', 'Close one without merging it', ref('ProposalSummary'), {body: bodyOf({comment: COMMENT}), isBodyOptional: true}),
  'POST /v1/proposals/:number/merge': action('proposals', 'Merge one into main', ref('Merged'), {body: bodyOf({seen: SEEN}), isBodyOptional: true}),
};

const FIELD = {type: 'object', additionalProperties: false, required: ['field'], properties: {field: text('`services.web.replicas`'), from: {description: 'Absent: there is none. Secrets are masked.'}, to: {description: 'The same.'}}};

const SUMMARY: Fields<ProposalSummary> = {
  number: count('Its name.'), title: text('In one line.'), state: oneOfTexts('What became of it.', ['open', 'merged', 'closed']), url: maybe(text('Of the pull request, where the repository lives at a forge.')), branch: text('Of the cluster repository.'), by: text('Who opened it.'), at: text(AT), tip: maybe({...COMMIT, description: 'Newest commit of the branch.'}), app: maybe({...APP, description: 'Of a proposed release.'}),
  approvals: maybe(fields({has: count('That count.'), needs: count('That it takes.')})),
  ended: maybe({...fields({by: text('Who.'), at: text(AT)}), additionalProperties: false, properties: {by: text('Who.'), at: text(AT), commit: COMMIT, comment: COMMENT}}),
};

export const PROPOSAL_ANSWERS: Readonly<Record<string, SchemaObject>> = {
  ProposalSummary: objectOf<ProposalSummary>('A proposed change.', SUMMARY),
  Proposal: objectOf<ProposalDetails>('A proposed change, and what it would make of main as that is now.', {
    ...SUMMARY,
    onto: {...COMMIT, description: 'Of main.'},
    commits: listOf(fields({commit: COMMIT, by: text('Its author.'), subject: text('First line of its message.')}), 'That main does not have, the newest first.'),
    files: listOf(fields({path: text('In the repository.'), change: oneOfTexts('What becomes of it.', ['added', 'changed', 'removed']), isProtected: flag('It takes approvals.')})),
    conflicts: listOf({type: 'string'}, 'Files of which main has changed the same lines.'),
    problems: listOf({type: 'string'}, 'What is wrong with its manifests.'),
    plan: fields({
      difference: {
        type: 'object', description: 'As `flynn diff --json` has it.', required: ['apps', 'shared', 'cost'], properties: {
          apps: listOf({type: 'object', properties: {app: APP, change: oneOfTexts('What becomes of it.', ['added', 'changed', 'removed', 'renamed']), from: {...APP, description: 'What it was called.'}, fields: listOf(FIELD), effects: listOf({type: 'string'})}}),
          shared: listOf(fields({file: text('Of no app.'), fields: listOf(FIELD), effects: listOf({type: 'string'})})),
          cost: {type: 'object', description: 'What all replicas together may use at most, before and after.'},
        },
      },
      lines: listOf({type: 'string'}, 'The same for people.'),
    }),
    reviews: listOf({type: 'object', additionalProperties: false, required: ['by', 'at'], properties: {by: text('Who.'), at: text(AT), comment: COMMENT, stale: text('Why it does not count (any more).')}}),
    comments: listOf(fields({by: text('Who.'), at: text(AT), text: text('What.')}), 'The oldest first.'),
    missing: listOf({type: 'string'}, 'What has to come before somebody without rights of his own can merge it.'),
    seen: SEEN,
  }),
  Merged: objectOf<Merged>('It is a commit of main.', {
    commit: COMMIT, isNew: flag('False: it had been merged before.'), message: text("The commit's subject."), number: count('Of the proposal.'), apps: listOf(APP, 'That it changes.'),
    release: maybe(fields({app: APP, number: count('That it got.')})),
  }),
  Proposed: objectOf<ProposedAnswer>('Nothing is changed yet: the change waits for others.', {proposal: ref('Proposal'), isNew: flag('False: it had been made before.')}),
};

function fields(properties: Readonly<Record<string, SchemaObject>>): SchemaObject {
  return {type: 'object', additionalProperties: false, required: Object.keys(properties), properties};
}
