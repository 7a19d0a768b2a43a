import {randomUUID} from 'node:crypto';
import path from 'node:path';
import type {Problem, ProposedAnswer, Written} from '../../reconciler/api/answers.ts';
import type {CommitId} from '../../schemas/ids.ts';
import {parseAuthor} from '../../reconciler/api/author.ts';
import {createServer} from '../../reconciler/api/server.ts';
import {ApiFailure, type Client} from '../client.ts';
import {cloneOf} from '../clone.ts';
import {Failure, type CommandContext} from '../command.ts';
import {identity} from '../identity.ts';
import {CloneRepo} from './repo.ts';
import {cloneView} from './view.ts';

/** What a cluster's API answers, made from a clone of its repository: questions of what git says, and changes, which become commits of the clone. */
export async function createCloneClient(folder: string, {cwd, env, proposeFlag}: Pick<CommandContext, 'cwd' | 'env' | 'proposeFlag'>): Promise<Client> {
  const signal = new AbortController().signal;
  const {root, isGit} = await cloneOf(path.resolve(cwd, folder), signal);
  if (!isGit) throw new Failure(`'${root}' is no git repository: there is nothing to commit to`);
  const repo = new CloneRepo(root);
  const {commit} = await repo.snapshot(signal);
  const author = parseAuthor(await identity({user: ''}, {cwd: root, env}, signal)) ?? {name: 'unknown', email: 'unknown'};
  const server = createServer({
    view: cloneView(repo, {files: await repo.files(signal), commit}),
    authenticate: () => ({...author, user: 'operator', may: () => true}),
    log: () => {},
  });
  const ask = async <Answer>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, body?: unknown): Promise<Answer> => {
    const answer = await server.inject({method, url, headers: {'idempotency-key': randomUUID(), ...(proposeFlag !== undefined && method !== 'GET' && {'x-flynn-propose': encodeURIComponent(proposeFlag)})}, ...(body !== undefined && {payload: body as object})});
    if (answer.statusCode >= 300) throw new ApiFailure(answer.statusCode, answer.json<Problem>().detail);
    // Nobody's number yet: it is a commit of the clone like any other, on a branch of its own.
    if (answer.statusCode === 202) return writtenOf(answer.json<ProposedAnswer>()) as Answer;
    return answer.json<Answer>();
  };
  const post: Client['post'] = (url, body) => ask('POST', url, body);
  return {
    cluster: {name: root, url: '', gitUrl: '', token: '', user: author.name, file: root},
    isOffline: true,
    get: async (url) => (ABOUT_WHAT_RUNS.test(url) ? refused() : ask('GET', url)),
    post,
    postOnce: post,
    patch: (url, body) => ask('PATCH', url, body),
    delete: (url) => ask('DELETE', url),
    createApp: (name) => ask('POST', '/v1/apps', {name}),
    scale: (name, services) => ask('POST', `/v1/apps/${name}/scale`, {services}),
    status: refused, apps: refused, app: refused, confirm: refused, plan: refused, converged: refused, postLines: refused, follow: refused, download: refused, upload: refused, connect: refused,
  };
}

function writtenOf({proposal: {tip, title}, isNew}: ProposedAnswer): Written {
  return {commit: tip as CommitId, isNew, message: title}; // as `cloneView` made it
}

/** Their answers would say that nothing runs, which nobody has looked at. */
const ABOUT_WHAT_RUNS = /^\/v1\/(status|apps(\/[^/]+)?)([?]|$)/;

function refused(): never {
  throw new Failure('this needs a cluster, and can\'t be done on a clone', {advice: ['leave out --clone']});
}
