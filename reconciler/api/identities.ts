import type {FastifyInstance} from 'fastify';
import {checkIdentities, checkProvider, type IdentityManifest, type ProviderManifest} from '../../schemas/oidc.ts';
import {clusterOf} from '../access/identities.ts';
import {anySignal} from '../any-signal.ts';
import {addIdentity, removeIdentity} from '../commits/people-edits.ts';
import {setProvider} from '../commits/provider-edits.ts';
import type {NodeView} from '../node.ts';
import type {IdentityTokens} from '../oidc/tokens.ts';
import type {LoginWays, OidcAnswer, Written} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {readUser} from './people.ts';
import {ApiError, explaining} from './problem.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;

type UserParams = {readonly Params: {readonly user: string}; readonly Body: unknown};

/** How people can log in: nobody has a token yet who asks that. As the command line gets to know all of it, so may others. */
export function registerLoginRoute(server: FastifyInstance, provider: () => ProviderManifest | undefined): void {
  server.get('/login', async (): Promise<LoginWays> => {
    const oidc = provider();
    return oidc === undefined ? {} : {oidc};
  });
}

/** Identity providers, and who people are there. What comes in was checked by the document already. */
export function registerIdentityRoutes(v1: FastifyInstance, {view, commit, closing}: RouteParts, tokens: Pick<IdentityTokens, 'look'> | undefined): void {
  v1.get('/oidc', async (): Promise<OidcAnswer> => {
    const provider = await providerIn(view, closing);
    return {...(provider && {provider}), issuers: await tokens?.look() ?? []};
  });

  v1.post<{Body: unknown}>('/oidc', async (request): Promise<Written> => {
    const wanted = request.body as ProviderManifest;
    mustBeGood(checkProvider(wanted));
    return commit(request, {edit: setProvider(wanted), message: `cluster: people sign in at ${wanted.issuer}`});
  });

  v1.post('/oidc/remove', async (request): Promise<Written> => commit(request, {edit: setProvider(undefined), message: 'cluster: people sign in at no identity provider'}));

  v1.post<UserParams>('/people/:user/identities', async (request): Promise<Written> => {
    const user = readUser(request.params.user);
    const identity = request.body as IdentityManifest;
    mustBeGood(checkIdentities([identity]));
    return commit(request, {edit: addIdentity(user, identity), message: `people: ${user} is "${identity.subject}"${where(identity)}`});
  });

  v1.post<UserParams>('/people/:user/identities/remove', async (request): Promise<Written> => {
    const user = readUser(request.params.user);
    const identity = request.body as Pick<IdentityManifest, 'subject' | 'issuer'>;
    return commit(request, {edit: removeIdentity(user, identity), message: `people: ${user} is no longer "${identity.subject}"${where(identity)}`});
  });
}

/** As git says: what was just set is told, applied or not. */
async function providerIn(view: NodeView, closing: AbortSignal): Promise<ProviderManifest | undefined> {
  const signal = anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);
  return clusterOf(await explaining("can't read the cluster repository", view.repo.snapshot(signal).then(({shared}) => shared.files(signal))))?.oidc;
}

function where({issuer}: Pick<IdentityManifest, 'issuer'>): string {
  return issuer === undefined ? '' : ` at ${issuer}`;
}

function mustBeGood([problem]: readonly {readonly message: string}[]): void {
  if (problem !== undefined) throw new ApiError(400, problem.message);
}
