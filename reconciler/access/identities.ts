import {loadManifest, type Manifests} from '../../schemas/load.ts';
import {isPattern, type IdentityManifest, type ProviderManifest} from '../../schemas/oidc.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import type {Roles} from './access.ts';

/** Who people are at identity providers (OpenID Connect). */
export interface Identities {
  /** That people sign in with. Absent: there is none. */
  readonly provider?: ProviderManifest;
  readonly all: readonly OwnedIdentity[];
}

/** Tokens with this issuer, subject and audience are somebody's. */
export interface OwnedIdentity {
  readonly user: string;
  readonly issuer: string;
  readonly subject: string;
  /** The one `*` in the subject stands for any characters but a colon. */
  readonly isPattern: boolean;
  readonly audience: string;
  /** As of the person, less what the identity is not good for. */
  readonly roles: Roles;
  /** It is a job's, or is good for less than the person: it must not make a token that is good for more. */
  readonly isLimited: boolean;
}

/** What a token says whose signature was checked. */
export interface Claims {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

/** Whom tokens of other issuers have to be for, where nobody says so: each cluster has a name of its own. */
export function apiAudience(domain: string): string {
  return `https://api.${domain}`;
}

interface Wrong {
  readonly file: string;
  /** Where it stands. */
  readonly subject: string;
  readonly message: string;
}

type People = ReadonlyMap<string, {readonly file: string; readonly manifest: Manifests['Person']}>;

/** Whose each one is. One that two people have is the first one's, as with tokens and keys. */
export function identitiesOf(people: People, {provider, domain}: {readonly provider: ProviderManifest | undefined; readonly domain: string | undefined}, rolesOf: (user: string, limits: IdentityManifest) => Roles): {readonly all: readonly OwnedIdentity[]; readonly problems: readonly Wrong[]} {
  const all: OwnedIdentity[] = [];
  const problems: Wrong[] = [];
  for (const [user, {file, manifest}] of [...people].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    for (const identity of manifest.oidc ?? []) {
      const {subject} = identity;
      const [issuer, audience] = identity.issuer === undefined ? [provider?.issuer, provider?.clientId] : [identity.issuer, identity.audience ?? (domain && apiAudience(domain))];
      if (issuer === undefined || audience === undefined) {
        problems.push({file, subject, message: `whose subject is "${subject}"? cluster.yaml has no oidc, so it takes an issuer`});
        continue;
      }
      const rival = all.find((one) => one.issuer === issuer && one.subject === subject && one.audience === audience);
      if (rival === undefined) {
        all.push({user, issuer, subject, isPattern: isPattern(identity), audience, roles: rolesOf(user, identity), isLimited: identity.issuer !== undefined || identity.role !== undefined || identity.apps !== undefined});
      } else {
        problems.push({file, subject, message: rival.user === user ? `the subject "${subject}" is there twice` : `the subject "${subject}" is one of ${rival.user} too: whose would it be?`});
      }
    }
  }
  return {all, problems};
}

/** Whose a token is; a subject that is written out counts before patterns. Why it is nobody's is told to who has it. */
export function ownerOf({issuer, subject, audience}: Claims, {provider, all}: Identities): Result<OwnedIdentity, string> {
  const here = all.filter((one) => one.issuer === issuer && one.audience === audience);
  const [exact] = here.filter((one) => !one.isPattern && one.subject === subject);
  if (exact !== undefined) return ok(exact);
  const fitting = here.filter((one) => one.isPattern && fits(one.subject, subject));
  const [first] = fitting;
  const rival = fitting.find(({user}) => user !== first?.user);
  if (first === undefined) return fail(`nobody in people/ is "${subject}" at ${issuer}; an admin can say who it is: flynn people identity add <user> '${subject}'${issuer === provider?.issuer && audience === provider.clientId ? '' : ` --issuer ${issuer}`}`);
  return rival === undefined ? ok(first) : fail(`"${subject}" at ${issuer} could be ${first.user} or ${rival.user}: their patterns overlap`);
}

/** Whom tokens of an issuer may be for. Empty: nobody has one of it. */
export function audiencesAt(issuer: string, {provider, all}: Identities): readonly string[] {
  // Also when nobody has a subject there yet: who signs in first is told which is his.
  const own = provider?.issuer === issuer ? [provider.clientId] : [];
  return [...new Set([...own, ...all.filter((one) => one.issuer === issuer).map(({audience}) => audience)])];
}

export function issuersIn({provider, all}: Identities): readonly string[] {
  return [...new Set([...(provider === undefined ? [] : [provider.issuer]), ...all.map(({issuer}) => issuer)])];
}

function fits(pattern: string, subject: string): boolean {
  const [before = '', after = ''] = pattern.split('*');
  return subject.length >= before.length + after.length && subject.startsWith(before) && subject.endsWith(after) && !subject.slice(before.length, subject.length - after.length).includes(':');
}

/** One that is wrong is told of elsewhere. */
export function clusterOf(files: readonly ManifestFile[]): Manifests['Cluster'] | undefined {
  const file = files.find(({path}) => path === 'cluster.yaml');
  const loaded = file?.kind === 'text' ? loadManifest('Cluster', file.path, file.text) : undefined;
  return loaded?.ok === true ? loaded.value : undefined;
}
