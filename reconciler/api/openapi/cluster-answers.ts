import type {SchemaObject} from 'ajv';
import {personSchema, type PersonManifest} from '../../../schemas/person.ts';
import type {CertificateStatus, DrainStatus, Garbage, HttpMetrics, NodeMetrics, QuotaStanding, RegistryState, StackPackage, TcpMetrics, TcpReplicaMetrics} from '../../node.ts';
import {FORGE_KINDS} from '../../../schemas/forge.ts';
import type {IssuerState} from '../../oidc/tokens.ts';
import type {AuditEntry, AuditVerdict} from '../../oneshot/oneshot.ts';
import type {AppOfCommit, CommitStatus} from '../../status/commit-status.ts';
import type {BackupSummary} from '../../volumes/format.ts';
import type {Volume, VolumeId} from '../../volumes/volumes.ts';
import {appSchema} from '../../../schemas/app.ts';
import {identitiesSchema, providerSchema} from '../../../schemas/oidc.ts';
import {tcpRoutesSchema} from '../../../schemas/tcp.ts';
import type {SshAnswer} from '../../ssh/answer.ts';
import type {AcmeAnswer, AddedCertificate, CodeownersAnswer, ForgeAnswer, GarbageAnswer, HookMade, LoginWays, NodeAnswer, OidcAnswer, PersonAnswer, RegistryAnswer, StackAnswer, TeamAnswer, WhoAmI, Written} from '../answers.ts';
import type {EnvAnswer, EnvWritten, ForgottenKeys, RotatedSecrets, SecretAnswer, SecretsAnswer, Variables} from '../config-answers.ts';
import type {AppRoutes, DomainAnswer, DomainWritten, HttpRouteAnswer, RouteWritten, TcpRouteAnswer} from '../route-answers.ts';
import {always, amount, APP, AT, COMMIT, count, either, type Fields, flag, listOf, mapOf, maybe, objectOf, oneOfTexts, ref, SERVICE, text} from './schema.ts';

const WRITTEN: Fields<Written> = {
  commit: {...COMMIT, description: 'The commit that says so now.'}, isNew: flag('False: the repository said so already.'), message: text("The commit's subject."), outcome: maybe(ref('Outcome')),
};

const FORGE_PLACE = {kind: oneOfTexts('Whose API it speaks.', FORGE_KINDS), url: text('Of the site.'), repository: text('Owner and name.'), pollSeconds: amount('Between two looks.')};

const VARIABLES: Fields<Variables> = {env: mapOf({type: 'string'}, 'Values of those that are plain.'), secrets: listOf({type: 'string'}, 'Names of those that are secrets.')};

const GARBAGE = objectOf<Garbage>('Something that nobody needs any more.', {
  key: text('Tells it from all others.'), kind: oneOfTexts('What it is.', ['image', 'build cache', 'build logs']), subject: text('Which.'), app: maybe(APP), reason: text('Why nobody needs it.'), bytes: count('That go with it alone.'),
});

const TRAFFIC: Fields<HttpMetrics> = {
  app: APP, replica: maybe(text('`web.1`')), requests: count('Since the counting began.'), requestsOfLastMinute: count('Of these.'), statuses: mapOf(count('How many.'), 'By first digit: `2xx`.'), errors: mapOf(count('How many.'), "By Heroku's code: `H14`."),
  bytesIn: count('Bodies only.'), bytesOut: count('Bodies only.'), answeredWithin: listOf(count('How many.'), 'How many answers had begun within 5, 10, 25 … ms.'), answerMsSum: amount('Milliseconds of all requests together.'),
  p50Ms: maybe(amount('Half of the answers had begun by then.')), p95Ms: maybe(amount('95 of 100 had.')), open: maybe(count('Requests that are not over yet.')),
};

const TCP = objectOf<TcpMetrics>('A TCP port.', {
  app: APP, service: SERVICE, port: count('Of the node.'), sni: maybe(text('Host of TLS.')), connections: count('So far.'), open: count('Now.'), bytesIn: count('Bytes.'), bytesOut: count('Bytes.'), refused: count('Connections that no replica took.'),
});

const TCP_REPLICA = objectOf<TcpReplicaMetrics>('What one replica has served on one port, or none has.', {
  app: APP, service: SERVICE, port: count('Of the node.'), sni: maybe(text('Host of TLS.')), replica: maybe(text('`db.1`')), connections: count('That are over.'), open: maybe(count('Now.')), bytesIn: count('Bytes.'), bytesOut: count('Bytes.'), errors: mapOf(count('How many.'), 'By code: `T14`.'),
});

const REGISTRY_STATE = objectOf<RegistryState>('What the node knows of it.', {
  images: count('That it has pushed there.'), apps: count('Whose they are.'),
  troubles: listOf({type: 'object', additionalProperties: false, required: ['kind', 'app', 'image', 'problem', 'tries', 'againAt'], properties: {kind: oneOfTexts('What it did not do.', ['push', 'remove']), app: APP, image: text('Its digest.'), problem: text('Why.'), tries: count('In a row.'), againAt: text(AT)}}),
});

const SECRET = objectOf<SecretAnswer>('The name of a secret.', {app: APP, service: maybe(SERVICE), name: text('Of the variable.'), problem: maybe(text("Why this node can't open it."))});

const TOKEN: SchemaObject = {
  type: 'object', additionalProperties: false, required: ['name'], description: 'A token, without its hash.',
  properties: {name: text('Where it is used.'), role: ref('Role'), apps: listOf(APP, 'The only ones that it is good for.'), expires: text('A day or a time, UTC.')},
};

const DOMAIN = objectOf<DomainAnswer>('A host that leads to the app.', {
  host: text('As the DNS has it.'), isOwn: flag('`<app>.<domain>`'),
  record: maybe({type: 'object', additionalProperties: false, required: ['type', 'target'], description: 'What has to be in the DNS.', properties: {type: oneOfTexts('Of the record.', ['CNAME', 'ALIAS', 'A']), target: text('What it leads to.')}}),
});

/** What the rest of the cluster looks like in answers. */
export const CLUSTER_ANSWERS: Readonly<Record<string, SchemaObject>> = {
  EnvWritten: objectOf<EnvWritten>('A commit that changes variables.', {...WRITTEN, secrets: listOf({type: 'string'}, 'Which of the names are secrets now.'), warnings: listOf({type: 'string'}, 'What their owner should know.')}),
  Env: objectOf<EnvAnswer>('Variables, as git has them.', {...VARIABLES, services: mapOf(objectOf<Variables>('Of one service.', VARIABLES), 'Services with variables of their own.')}),
  Secrets: objectOf<SecretsAnswer>('Names of all secrets, and who can open them.', {recipients: listOf({type: 'string'}, 'Of cluster.yaml.'), identities: listOf({type: 'string'}, "Public keys of this node's, newest first."), secrets: listOf(SECRET), problems: listOf({type: 'string'}, 'Of files whose names can\'t be told.')}),
  RotatedSecrets: objectOf<RotatedSecrets>('A commit with another key.', {...WRITTEN, recipient: text('The new public key.'), values: count('How many were sealed anew.'), stayed: listOf({type: 'string'}, 'Those that stayed as they were.')}),
  ForgottenKeys: objectOf<ForgottenKeys>('Keys that the node has no more.', {forgotten: listOf({type: 'string'}, 'Public keys.')}),

  Route: either('A route, as git has it.',
    objectOf<HttpRouteAnswer>('A host, or a path of one.', {kind: always('http', 'Of HTTP.'), name: text('What it is called by: `http:shop.example.com/api`.'), url: text('Where it is.'), isDefault: maybe(flag('It is not written down.')), route: appSchema.properties.routes['items'] as SchemaObject}),
    objectOf<TcpRouteAnswer>('A TCP port.', {kind: always('tcp', 'Of TCP.'), name: text('`tcp:5432`'), route: (tcpRoutesSchema as SchemaObject)['items'] as SchemaObject})),
  AppRoutes: objectOf<AppRoutes>('Routes of an app.', {app: APP, routes: listOf(ref('Route')), problem: maybe(text("Why they can't be told."))}),
  RouteWritten: objectOf<RouteWritten>('A commit that is about a route.', {...WRITTEN, route: text('Its name.')}),
  Domain: DOMAIN,
  DomainWritten: objectOf<DomainWritten>('A commit that adds a host.', {...WRITTEN, domain: ref('Domain')}),
  Certificate: objectOf<CertificateStatus>('What a host proves itself with.', {
    host: text('Of one of people\'s own all that it names.'), app: maybe(APP), source: oneOfTexts('Who made it.', ['own', 'acme', 'internal', 'none']), name: maybe(text('Of its file in certificates/.')), issuer: maybe(text('Who signed it.')),
    notAfter: maybe(text(AT)), isRedirected: maybe(flag('Its HTTP is redirected to HTTPS.')), problem: maybe(text('What somebody should look at.')),
  }),
  AddedCertificate: objectOf<AddedCertificate>('A commit that adds a certificate.', {...WRITTEN, name: text('Of its file.'), hosts: listOf({type: 'string'}), notAfter: text(AT)}),
  Acme: objectOf<AcmeAnswer>('The authority that certificates are ordered from.', {acme: maybe({type: 'object', additionalProperties: false, required: ['hasCa'], properties: {directory: text('Its address.'), email: text('Who is told.'), eabKeyId: text('Of the account there.'), hasCa: flag('Its own certificate is signed by another one than the machine trusts.')}})}),
  Forge: objectOf<ForgeAnswer>('The forge that is told of plans and deploys.', {
    forge: maybe({type: 'object', additionalProperties: false, required: ['kind', 'repository', 'hasHook'], properties: {...FORGE_PLACE, hasHook: flag('It has webhooks.')}}),
    state: maybe({type: 'object', additionalProperties: false, required: ['kind', 'url', 'repository', 'hasHook', 'changes'], properties: {...FORGE_PLACE, hasHook: flag('It has webhooks.'), changes: count('Open pull requests that have a plan.'), lookedAt: text(AT), problem: text('What keeps it from being told.')}}),
  }),
  Registry: objectOf<RegistryAnswer>('Where images of releases are kept.', {
    registry: maybe({type: 'object', additionalProperties: false, required: ['host', 'hasPassword'], properties: {host: text('Where it is.'), path: text('Before the names of images.'), username: text('Of the login.'), hasPassword: flag('There is one, encrypted.')}}),
    state: maybe(REGISTRY_STATE),
  }),

  Volume: objectOf<Volume>('Data of an app.', {app: APP, name: text('Of the volume.'), createdAt: text(AT), bytes: maybe(count('Absent: it took the engine too long to say.')), isWanted: flag('app.yaml has it; otherwise it is only kept.'), usedBy: listOf({type: 'string'}, '`web.1` of each container that has it and runs.')}),
  VolumeId: objectOf<VolumeId>('One volume of an app.', {app: APP, name: text('Of the volume.')}),
  Backup: objectOf<BackupSummary>('What was in a backup.', {format: always(1, 'Of the tar.'), app: text('Whose it was.'), volume: text('Its name.'), createdAt: text(AT), entries: count('Files and folders.'), bytes: count('Before the summary.'), sha256: text('Of those bytes, in hex.')}),
  Drain: objectOf<DrainStatus>('Where logs are sent on to.', {app: maybe(APP), url: text('Without user, password and query.'), state: oneOfTexts('How it is.', ['idle', 'sending', 'failing']), delivered: count('Lines that the receiver has.'), dropped: count('Lines that it never gets.'), behind: count('Lines that wait.'), error: maybe(text('Why they wait.'))}),
  Metrics: objectOf<NodeMetrics>('What the router has answered.', {since: text(AT), http: listOf(objectOf<HttpMetrics>('Of one replica.', TRAFFIC)), tcp: listOf(TCP), tcpReplicas: listOf(TCP_REPLICA), problems: listOf({type: 'string'}, 'What could not be asked.')}),

  WhoAmI: objectOf<WhoAmI>('Whose token the request came with.', {user: text('`operator`: the node\'s own.'), name: text('As it stands in commits.'), email: text('As it stands in commits.'), token: maybe(text('Its name.')), oidc: maybe({type: 'object', additionalProperties: false, required: ['issuer', 'subject'], properties: {issuer: text('Who says so.'), subject: text('What it calls the person.')}, description: 'When an identity provider says who it is.'})}),
  Quota: objectOf<QuotaStanding>('What a team or an app may have of something, and has.', {
    kind: oneOfTexts('Whose it is.', ['team', 'app']), name: text('Of the team or the app.'), field: oneOfTexts('What is limited.', ['apps', 'replicas', 'cpus', 'memory', 'volumes', 'buildMinutes']),
    used: amount('Cores in thousandths, memory in bytes, minutes of this calendar month (UTC).'), allowed: amount('In the same unit.'), apps: listOf(APP, 'Those that count, of the ones that may be seen.'),
  }),
  Codeowners: objectOf<CodeownersAnswer>('Rights, as a file for a git host.', {forge: oneOfTexts('The git host.', ['github', 'gitlab', 'gitea']), text: text('The whole file.')}),
  Person: objectOf<PersonAnswer>('Somebody, with all roles, those of teams included.', {
    user: text('Name of the file.'), name: text('As it stands in commits.'), email: text('As it stands in commits.'), role: maybe(ref('Role')), apps: mapOf(ref('Role'), 'By app.'), tokens: listOf(TOKEN),
    sshKeys: listOf({type: 'object', additionalProperties: false, required: ['type', 'fingerprint', 'comment'], properties: {type: text('`ssh-ed25519`'), fingerprint: text('`SHA256:…`'), comment: text('Where it is, mostly.')}}),
    oidc: listOf(identitiesSchema.items, 'Who the person is at identity providers.'),
  }),
  LoginWays: objectOf<LoginWays>('How people can log in, beside a token.', {oidc: maybe(providerSchema)}),
  Oidc: objectOf<OidcAnswer>('Identity providers.', {
    provider: maybe(providerSchema),
    issuers: listOf(objectOf<IssuerState>('How one was when it was just asked.', {issuer: text('Its URL.'), keys: maybe(count('That it signs with.')), problem: maybe(text('Why it did not answer.'))}), 'All that somebody is known by.'),
  }),
  Ssh: objectOf<SshAnswer>('Git over SSH.', {
    state: oneOfTexts('`no keys`: nobody has one, so nothing listens.', ['open', 'no keys', 'port taken', 'off']), url: maybe(text('What remotes begin with: `ssh://git@git.example.com:2222`.')), hostKey: maybe(text('For known_hosts.')), fingerprint: maybe(text('Of the host\'s key.')),
    problem: maybe(text('Why it does not listen.')),
  }),
  Node: objectOf<NodeAnswer>('A machine of the cluster.', {
    name: text('Of the file.'), address: maybe(text('Where other nodes reach it.')), labels: mapOf({type: 'string'}, 'What services may ask for.'), isLive: flag('It is part of the cluster now.'), isCordoned: flag('Nothing new starts there.'), isDrained: flag('Nothing runs there.'),
    memoryBytes: maybe(count('What replicas may request together.')), cpus: maybe(amount('Cores, as memory.')), free: maybe({type: 'object', additionalProperties: false, required: ['memoryBytes', 'cpus'], description: 'Not requested by any service.', properties: {memoryBytes: count('Bytes.'), cpus: amount('Cores.')}}),
  }),
  Team: objectOf<TeamAnswer>('People who share roles.', {name: text('Of the file.'), members: listOf({type: 'string'}, 'Names of people.'), role: maybe(ref('Role')), apps: mapOf(ref('Role'), 'By app.')}),
  NewPerson: {
    type: 'object', additionalProperties: false, required: ['user', 'name', 'email'], errorMessage: 'must be a JSON object', description: 'Somebody who is to use the cluster.',
    properties: {user: text('Name of the file in people/.', {pattern: '^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$', errorMessage: 'must be small letters, digits and inner dashes, at most 30 characters'}), ...personFields()},
  },

  CommitStatus: objectOf<CommitStatus>('How far a commit has come.', {
    commit: COMMIT, state: oneOfTexts('`unmerged`: not in main. `waiting`: the node has not taken it over yet. `held`: it does not, and says why. Then what its apps are.', ['unmerged', 'waiting', 'held', 'converging', 'healthy', 'failed']), detail: text('For people.'),
    apps: listOf(objectOf<AppOfCommit>('What became of an app that it changed.', {app: APP, state: oneOfTexts('`idle`: nothing was pushed yet.', ['converging', 'healthy', 'failed', 'suspended', 'removed', 'idle']), detail: text('For people.')})),
  }),
  Garbage: objectOf<GarbageAnswer>('What nobody needs any more.', {items: listOf(GARBAGE), bytes: count('At least so many.')}),
  Stack: objectOf<StackAnswer>('The images that apps are built in and run on, and how apps stand.', {images: listOf(ref('StackImage')), apps: listOf(ref('Rebase'))}),
  StackPackage: objectOf<StackPackage>('Something that is installed.', {name: text('Of the package.'), version: text('Of the package.')}),
  HookMade: objectOf<HookMade>('What webhooks prove themselves with was set.', {...WRITTEN, url: text('Where a git host sends them.')}),
  AuditEntry: objectOf<AuditEntry>('A line of the audit log.', {
    at: text(AT), actor: text('`Ann Lee <ann@example.com>`'), user: maybe(text('Whose token it was.')), oidc: maybe(text('What an identity provider calls him, when that said who he is.')), from: maybe(text('Address of the client.')), action: text('`commit`, `push`, `run`, `refused` …'), app: maybe(text('Of which app.')), subject: maybe(text('What it was about.')),
    command: maybe({type: 'object', additionalProperties: false, required: ['program', 'sha256'], properties: {program: text('Its first word.'), sha256: text('Of all its words, as JSON.')}}), commit: maybe(text('What became of it in git.')), prev: maybe(text('SHA-256 of the line before.')),
  }),
  AuditVerdict: objectOf<AuditVerdict>('Whether all lines are as they were written.', {lines: count('That there are.'), brokenAt: maybe(text('The first line whose predecessor is not what it was.'))}),
};

function personFields(): {readonly [K in 'name' | 'email' | 'role' | 'apps']: SchemaObject} {
  const {name, email, role, apps} = personSchema.properties satisfies {readonly [K in keyof PersonManifest]-?: SchemaObject};
  return {name, email, role, apps};
}
