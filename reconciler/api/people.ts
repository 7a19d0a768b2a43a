import type {FastifyInstance, FastifyRequest} from 'fastify';
import type {TokenManifest} from '../../schemas/person.ts';
import {loadManifest} from '../../schemas/load.ts';
import {NAME_PATTERN} from '../../schemas/names.ts';
import {readLoginKey} from '../../schemas/login-key.ts';
import {anySignal} from '../any-signal.ts';
import type {SshAnswer} from '../ssh/answer.ts';
import {accessOf} from '../access/access.ts';
import {addPerson, addSshKey, addToken, removePerson, removeSshKey, removeToken, type PersonWish} from '../commits/people-edits.ts';
import type {PersonAnswer, WhoAmI, Written} from './answers.ts';
import {OPERATOR} from './authenticate.ts';
import type {RouteParts} from './node-routes.ts';
import {permit, whoAsks} from './permit.ts';
import {ApiError, explaining} from './problem.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;
const NAME = new RegExp(NAME_PATTERN);

type UserParams = {readonly Params: {readonly user: string}; readonly Body: unknown};
type TokenParams = {readonly Params: {readonly user: string; readonly token: string}; readonly Body: unknown};

/** People and their tokens. What their fields may be is checked where all manifests are: by the commit. */
export function registerPeopleRoutes(v1: FastifyInstance, {view, authenticate, commit, closing}: RouteParts): void {
  v1.get('/whoami', async (request): Promise<WhoAmI> => {
    const {user, name, email, token, oidc} = whoAsks(request, authenticate);
    return {user, name, email, ...(token !== undefined && {token}), ...(oidc && {oidc})};
  });

  v1.get('/people', people);

  v1.get<UserParams>('/people/:user', async ({params: {user}}): Promise<PersonAnswer> => {
    const found = (await people()).find((one) => one.user === user);
    if (found === undefined) throw new ApiError(404, `there is nobody ${JSON.stringify(user)} in people/`);
    return found;
  });

  async function people(): Promise<readonly PersonAnswer[]> {
    const snapshot = await explaining("can't read the cluster repository", view.repo.snapshot(anySignal([closing, AbortSignal.timeout(READ_MS_MAX)])));
    const files = await explaining("can't read the cluster repository", snapshot.shared.files(anySignal([closing, AbortSignal.timeout(READ_MS_MAX)])));
    const {access: {people: all, tokens, sshKeys}} = accessOf(files);
    return [...all.values()].toSorted((a, b) => (a.user < b.user ? -1 : 1)).map(({user, name, email, roles}) => {
      const file = files.find(({path}) => path === `people/${user}.yaml`);
      const manifest = file?.kind === 'text' ? loadManifest('Person', file.path, file.text) : undefined;
      const own = [...tokens.values()].filter((token) => token.user === user).map((token) => token.name).toSorted();
      return {
        user, name, email,
        ...(roles.cluster !== undefined && {role: roles.cluster}),
        apps: Object.fromEntries(roles.apps),
        // A hash is no secret, but nobody needs it.
        tokens: own.map((token) => {
          const {hash: _, ...limits} = (manifest?.ok === true ? manifest.value.tokens?.[token] : undefined) ?? {hash: ''};
          return {name: token, ...limits};
        }),
        oidc: (manifest?.ok === true ? manifest.value.oidc : undefined) ?? [],
        sshKeys: [...sshKeys.values()].filter((key) => key.user === user).map(({type, fingerprint, comment}) => ({type, fingerprint, comment})),
      };
    });
  }

  v1.post<{Body: PersonWish & {user: string}}>('/people', async (request): Promise<Written> => {
    const {user: named, ...wish} = request.body;
    const user = readUser(named);
    return commit(request, {edit: addPerson(user, wish), message: `people: add ${user}`});
  });

  v1.post<UserParams>('/people/:user/remove', async (request): Promise<Written> => {
    const user = readUser(request.params.user);
    return commit(request, {edit: removePerson(user), message: `people: remove ${user}`});
  });

  v1.post<UserParams>('/people/:user/tokens', async (request): Promise<Written> => {
    const user = readUser(request.params.user);
    mayChangeTokens(request, user);
    const {name, ...token} = request.body as TokenManifest & {readonly name: string};
    return commit(request, {edit: addToken(user, name, token), message: `people: add the token ${name} of ${user}`});
  });

  v1.post<TokenParams>('/people/:user/tokens/:token/remove', async (request): Promise<Written> => {
    const user = readUser(request.params.user);
    mayChangeTokens(request, user);
    return commit(request, {edit: removeToken(user, request.params.token), message: `people: remove the token ${request.params.token} of ${user}`});
  });

  v1.get('/ssh', async (): Promise<SshAnswer> => view.ssh());

  v1.post<UserParams>('/people/:user/keys', async (request): Promise<Written> => {
    const user = readUser(request.params.user);
    mayChangeTokens(request, user);
    const {key: line} = request.body as {readonly key: string};
    const key = readLoginKey(line);
    if (!key.ok) throw new ApiError(400, `the SSH key ${key.problem}`);
    return commit(request, {edit: addSshKey(user, line), message: `people: add the SSH key ${key.value.comment === '' ? key.value.fingerprint : key.value.comment} of ${user}`});
  });

  v1.post<UserParams>('/people/:user/keys/remove', async (request): Promise<Written> => {
    const user = readUser(request.params.user);
    mayChangeTokens(request, user);
    const {fingerprint} = request.body as {readonly fingerprint: string};
    return commit(request, {edit: removeSshKey(user, fingerprint), message: `people: remove the SSH key ${fingerprint} of ${user}`});
  });

  /** Everybody his own, unless he comes with a token that is good for less than he is. */
  function mayChangeTokens(request: FastifyRequest, user: string): void {
    const principal = whoAsks(request, authenticate);
    if (principal.user !== user) return permit(principal, 'people.edit');
    if (principal.isLimited === true && principal.oidc !== undefined) throw new ApiError(403, `you came in by ${principal.oidc.subject} at ${principal.oidc.issuer}, which is limited: it can't make or remove tokens, nor keys`);
    if (principal.isLimited === true) throw new ApiError(403, `the token "${principal.token}" is limited: it can't make or remove others, nor keys`);
    permit(principal, 'self.tokens');
  }
}

/** @throws {ApiError} 400 for what can't name a person */
export function readUser(value: unknown): string {
  if (typeof value !== 'string' || !NAME.test(value)) throw new ApiError(400, `${JSON.stringify(value)} can't name a person: it must be small letters, digits and inner dashes, at most 30 characters`);
  if (value === OPERATOR) throw new ApiError(400, `"${OPERATOR}" is who has the node's own token`);
  return value;
}
