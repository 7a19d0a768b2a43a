import type {SchemaObject} from 'ajv';
import {drainsSchema} from '../../../schemas/drains.ts';
import {FORGE_KINDS} from '../../../schemas/forge.ts';
import {NAME_PATTERN} from '../../../schemas/names.ts';
import {personSchema} from '../../../schemas/person.ts';
import {LOGIN_KEY_LENGTH_MAX} from '../../../schemas/login-key.ts';
import {LOG_LINES_MAX} from '../read.ts';
import {action, commit, lines, question, writtenLines, type Operations} from './operation.ts';
import {IDENTITY_OPERATIONS, TEAM_OPERATIONS} from './people-operations.ts';
import {always, APP, bodyOf, count, flag, HOOK_SECRET, listOf, oneOfTexts, ref, text} from './schema.ts';

const FIELDS_MAX = 50;
const PEM = {minLength: 1, maxLength: 100_000, errorMessage: 'must be a text'};
const SHORT = {minLength: 1, maxLength: 5_000, errorMessage: 'must be a text'};
/** What the fields may be is checked where all manifests are: by the commit. */
const ROUTE_FIELDS = {type: 'object', maxProperties: FIELDS_MAX, propertyNames: {pattern: '^[a-z][A-Za-z0-9]{0,40}$', errorMessage: 'is no field of a route'}, errorMessage: 'must be an object with the fields of a route'};
const TOKEN_FIELDS = (personSchema.properties.tokens['additionalProperties'] as SchemaObject)['properties'] as Readonly<Record<string, SchemaObject>>;
const DRAIN = (drainsSchema as SchemaObject)['items'] as SchemaObject;

const LOOKING = {type: 'object', additionalProperties: false, required: ['looking'], properties: {looking: flag('Somebody looks now.'), why: text('Why nobody does.')}};

export const CLUSTER_OPERATIONS: Operations = {
  'GET /v1/routes': question('routes', 'List routes of all apps', listOf(ref('AppRoutes')), {pages: {key: ['app']}, hasEtag: true}),
  'GET /v1/apps/:app/routes': question('routes', 'List routes of an app', ref('AppRoutes'), {hasEtag: true}),
  'POST /v1/apps/:app/routes': commit('routes', 'Add a route', ref('RouteWritten'), {
    statuses: [201, 200],
    body: {...bodyOf({http: {...ROUTE_FIELDS, description: 'Fields of `routes` in app.yaml.', examples: [{host: 'shop.example.com', path: '/api', service: 'api'}]}, tcp: {...ROUTE_FIELDS, description: 'Fields of `tcp` in app.yaml; without a port the node chooses it.', examples: [{port: 5432, service: 'db'}]}}), oneOf: [{required: ['http']}, {required: ['tcp']}], errorMessage: 'must be a JSON object with either "http" or "tcp"'},
  }),
  'PATCH /v1/apps/:app/routes/*': commit('routes', 'Change fields of a route', ref('RouteWritten'), {body: {...ROUTE_FIELDS, minProperties: 1, description: 'A merge patch (RFC 7396): null takes a field out.', errorMessage: 'must be an object with the fields that are to be changed', examples: [{service: 'web', path: null}]}}),
  'DELETE /v1/apps/:app/routes/*': commit('routes', 'Remove a route', ref('RouteWritten')),
  'GET /v1/apps/:app/domains': question('routes', 'List hosts, with what has to be in the DNS for them', listOf(ref('Domain')), {pages: {key: ['host']}, hasEtag: true}),
  'POST /v1/apps/:app/domains': commit('routes', 'Add a host', ref('DomainWritten'), {body: bodyOf({host: text('As the DNS has it.', {minLength: 1, maxLength: 300})}, ['host']), statuses: [201, 200]}),
  'DELETE /v1/apps/:app/domains/:host': commit('routes', 'Remove a host with all its paths', ref('Written')),
  'DELETE /v1/apps/:app/domains': commit('routes', 'Remove all hosts but its own', ref('Written')),

  'GET /v1/certificates': question('routes', 'List certificates of all hosts', listOf(ref('Certificate')), {pages: {key: ['host', 'app', 'source']}}),
  'GET /v1/certificates/root': question('routes', "Get the root of the cluster's own authority", {type: 'object', additionalProperties: false, required: ['pem'], properties: {pem: text('PEM.')}}),
  'POST /v1/certificates': commit('routes', 'Add a certificate of your own', ref('AddedCertificate'), {
    body: bodyOf({certificate: text('With its chain, PEM.', PEM), key: text('Its private key, PEM: encrypted before it is in git.', {...PEM, writeOnly: true}), host: text('Which of its hosts the file is named after.', PEM)}, ['certificate', 'key']),
  }),
  'POST /v1/certificates/remove': commit('routes', 'Remove a certificate of your own', ref('Written'), {body: bodyOf({name: text('Of its file.', PEM)}, ['name'])}),
  'POST /v1/certificates/retry': action('routes', 'Order a certificate once more', {type: 'object', additionalProperties: false, required: ['host'], properties: {host: text('Of the order.')}}, {body: bodyOf({host: text('Whose order has failed.', PEM)}, ['host'])}),
  'GET /v1/acme': question('routes', 'Show the authority that certificates are ordered from', ref('Acme'), {hasEtag: true}),
  'POST /v1/acme': commit('routes', 'Order certificates', ref('Written'), {
    body: bodyOf({directory: text("Address of the authority. Default: Let's Encrypt.", PEM), email: text('Who is told of problems.', PEM), ca: text('What its own certificate is signed by, PEM.', PEM), eabKeyId: text('Of an account there.', PEM), eabKey: text('Its key.', {...PEM, writeOnly: true})}),
  }),
  'POST /v1/acme/remove': commit('routes', 'Order no certificates', ref('Written')),

  'GET /v1/whoami': question('people', 'Show whose token you have', ref('WhoAmI')),
  'GET /v1/codeowners': question('people', 'Show who may change which path, as a CODEOWNERS file', ref('Codeowners'), {query: {forge: {...oneOfTexts('The git host that it is for.', ['github', 'gitlab', 'gitea'])}}}),
  'GET /v1/quota': question('people', 'List what teams and apps may have at most, and what they have', listOf(ref('Quota')), {}),
  'GET /v1/people/:user': question('people', 'Show somebody', ref('Person'), {hasEtag: true}),
  'GET /v1/people': question('people', 'List people with their roles and tokens', listOf(ref('Person')), {pages: {key: ['user']}, hasEtag: true}),
  'POST /v1/people': commit('people', 'Add a person', ref('Written'), {body: ref('NewPerson')}),
  'POST /v1/people/:user/remove': commit('people', 'Remove a person with all tokens', ref('Written')),
  'POST /v1/people/:user/tokens': commit('people', 'Add a token', ref('Written'), {
    description: 'Whoever makes it keeps the token; only its hash is sent.', body: bodyOf({name: text('Where it is used.', {pattern: NAME_PATTERN, errorMessage: 'must be small letters, digits and inner dashes'}), ...TOKEN_FIELDS}, ['name', 'hash']),
  }),
  'POST /v1/people/:user/tokens/:token/remove': commit('people', 'Remove a token', ref('Written')),
  'POST /v1/people/:user/keys': commit('people', 'Add an SSH key', ref('Written'), {body: bodyOf({key: text('A line as in ~/.ssh/id_ed25519.pub.', {minLength: 1, maxLength: LOGIN_KEY_LENGTH_MAX, errorMessage: 'must be a line as in ~/.ssh/id_ed25519.pub'})}, ['key'])}),
  'POST /v1/people/:user/keys/remove': commit('people', 'Remove an SSH key', ref('Written'), {body: bodyOf({fingerprint: text('As they are listed.', {pattern: '^SHA256:[A-Za-z0-9+/]{43}$', errorMessage: 'must be like SHA256:…, as flynn people key lists them'})}, ['fingerprint'])}),
  'GET /v1/ssh': question('people', 'Show where git over SSH is', ref('Ssh')),

  ...TEAM_OPERATIONS,
  ...IDENTITY_OPERATIONS,

  'GET /v1/secrets': question('env', 'List names of all secrets', ref('Secrets'), {hasEtag: true}),
  'POST /v1/secrets/rotate': commit('env', 'Encrypt all secrets to a new key', ref('RotatedSecrets')),
  'POST /v1/secrets/forget': action('env', 'Forget keys that nothing needs any more', ref('ForgottenKeys')),

  'GET /v1/drains': question('logs', 'List where logs are sent on to', listOf(ref('Drain')), {query: {app: APP}, pages: {key: ['app', 'url']}, hasEtag: true, isOfPass: true}),
  'POST /v1/drains': commit('logs', 'Send logs on', ref('Written'), {body: bodyOf({app: {...APP, description: 'Absent: of all apps.'}, drain: {type: 'object', required: ['url'], maxProperties: FIELDS_MAX, properties: {url: (DRAIN['properties'] as Readonly<Record<string, SchemaObject>>)['url'] ?? {}}, description: 'Fields of `drains` in app.yaml.', errorMessage: 'must be an object with a url'}}, ['drain'])}),
  'POST /v1/drains/remove': commit('logs', 'Send logs on no more', ref('Written'), {body: bodyOf({app: {...APP, description: 'Absent: of all apps.'}, url: text('Of the drain.', {minLength: 1, maxLength: 2000})}, ['url'])}),
  'GET /v1/metrics': question('logs', 'Show what the router has answered', ref('Metrics'), {query: {app: APP}}),
  'GET /metrics': {kind: 'question', tag: 'logs', summary: 'The same for Prometheus', answerType: 'text/plain'},

  'GET /v1/status': question('node', 'Show the node and all apps', ref('NodeStatus'), {hasEtag: true, isOfPass: true}),
  'GET /v1/commits/:sha/status': question('node', 'Show what became of a commit', ref('CommitStatus'), {hasEvents: true, description: 'As server-sent events: one for each change of it, and an event `end` when it is healthy or has failed.'}),
  'GET /v1/nodes': question('node', 'List nodes', listOf(ref('Node')), {pages: {key: ['name']}, hasEtag: true, isOfPass: true}),
  'GET /v1/nodes/:node': question('node', 'Show a node', ref('Node'), {hasEtag: true, isOfPass: true}),
  'PATCH /v1/nodes/:node': commit('node', 'Close a node, or open it', ref('Written'), {body: {...bodyOf({cordon: flag('Nothing new starts there.'), drain: flag('Nothing new starts there, and what runs there is stopped.')}), minProperties: 1}}),
  'GET /v1/plan': question('node', 'Show what the next pass does', ref('Plan')),
  'POST /v1/confirm': action('node', 'Say that a commit which is held back is meant', {type: 'object', additionalProperties: false, required: ['commit'], properties: {commit: text('All 40 digits.')}}, {body: bodyOf({commit: text('At least its first 7 digits.', {pattern: '^[0-9a-f]{7,40}$', errorMessage: 'must be 7 to 40 hex digits'})}, ['commit'])}),
  'GET /v1/events': lines('node', 'Read what happened', ref('Event'), {query: {app: APP, lines: count('The last so many.', {maximum: LOG_LINES_MAX, default: 1000}), follow: flag('Tell also what comes.', {default: false})}, hasEvents: true, description: 'As server-sent events: what comes, and after a break what was missed.'}),
  'GET /v1/registry': question('node', 'Show where images of releases are kept', ref('Registry'), {hasEtag: true}),
  'POST /v1/registry': commit('node', 'Keep images of releases in a registry', ref('Written'), {body: bodyOf({host: text('Where it is.', SHORT), path: text('Before the names of images.', SHORT), username: text('Of the login.', SHORT), password: text('Encrypted before it is in git.', {...SHORT, writeOnly: true})}, ['host'])}),
  'POST /v1/registry/remove': commit('node', 'Keep images of releases in no registry', ref('Written')),
  'GET /v1/forge': question('node', 'Show the forge that is told of plans and deploys', ref('Forge'), {hasEtag: true}),
  'POST /v1/forge': commit('node', 'Tell a forge of plans and deploys', ref('Written'), {body: bodyOf({kind: oneOfTexts('Which.', FORGE_KINDS), url: text('Of the site.', SHORT), repository: text('Owner and name.', SHORT), token: text('Encrypted before it is in git.', {...SHORT, writeOnly: true})}, ['kind', 'repository', 'token'])}),
  'POST /v1/forge/hook': commit('node', "Set what the forge's webhooks prove themselves with", ref('HookMade'), {body: bodyOf({secret: HOOK_SECRET}, ['secret'])}),
  'POST /v1/forge/remove': commit('node', 'Tell no forge anything', ref('Written')),
  'GET /v1/gc': question('node', 'Show what nobody needs any more', ref('Garbage'), {query: {caches: flag('What builds keep for the next one, too.', {default: false})}}),
  'POST /v1/gc': action('node', 'Remove that', ref('Garbage'), {body: bodyOf({caches: flag('What builds keep for the next one, too.')}, ['caches'])}),
  'GET /v1/stack': question('node', 'Show the images that apps are built in and run on', ref('Stack')),
  'GET /v1/stack/:image/packages': question('node', 'List what is installed in one', listOf(ref('StackPackage')), {pages: {key: ['name']}}),
  'POST /v1/stack/build': writtenLines('node', 'Make them anew, with the updates of the day', ref('StackLine'), {description: 'Ends when nobody listens.'}),

  'GET /v1/audit': question('audit', 'Read who did what', listOf(ref('AuditEntry')), {query: {lines: count('The last so many.', {maximum: LOG_LINES_MAX, default: 100})}}),
  'GET /v1/audit/verdict': question('audit', 'Check that all lines are as they were written', ref('AuditVerdict')),

  'GET /healthz': question('node', 'It lives', {type: 'object', additionalProperties: false, required: ['alive'], properties: {alive: always(true, 'It does.')}}, {isOpen: true}),
  'GET /readyz': question('node', 'People can come in', {type: 'object', additionalProperties: false, required: ['ready'], properties: {ready: always(true, 'They can.')}}, {isOpen: true}),
  'GET /openapi.json': question('node', 'Get this document', {type: 'object'}, {isOpen: true}),
  'GET /docs': {kind: 'question', tag: 'node', summary: 'The same to read', answerType: 'text/html', isOpen: true},
  'GET /internal/tls-ask': question('node', 'May this host have a certificate: for the router on this machine', {type: 'object', additionalProperties: false, required: ['served'], properties: {served: always(true, 'It may.')}}, {isOpen: true, query: {domain: text('The host.', {maxLength: 300})}}),
  'POST /v1/hooks/cluster': action('node', 'Tell that something happened at the forge', LOOKING, {isOpen: true, bodyType: 'application/json', statuses: [202, 200], description: 'A webhook of the forge: no token, but a signature over its body.'}),
  'POST /v1/hooks/:app': action('builds', 'Tell that a source elsewhere has changed', LOOKING, {isOpen: true, bodyType: 'application/json', statuses: [202, 200], description: 'A webhook of a git host: no token, but a signature over its body.'}),
};

/** What stands for parts of paths. */
export const PATH_PARAMETERS: Readonly<Record<string, SchemaObject>> = {
  app: APP,
  service: text('Name of a service.', {maxLength: 200}),
  number: text('Of a release, `3` or `v3`; of a build or a proposal, `12`.', {maxLength: 200}),
  replica: text('`web.1`, `run.4821`', {maxLength: 200}),
  cron: text('Name of a cron job.', {maxLength: 200}),
  run: text('`20261125-030000`', {maxLength: 200}),
  volume: text('Name of a volume.', {maxLength: 200}),
  host: text('As the DNS has it.', {maxLength: 300}),
  user: text('Name of a file in people/.', {maxLength: 200}),
  node: text('Name of a file in nodes/.', {maxLength: 200}),
  team: text('Name of a file in teams/.', {maxLength: 200}),
  token: text('Name of a token.', {maxLength: 200}),
  image: oneOfTexts('Which one.', ['run', 'build', 'router']),
  route: text('Name of a route, such as `shop.example.com/api` or `tcp:5432`; its slashes stay as they are.', {maxLength: 500}),
  sha: text('A commit: at least its first 7 digits.', {maxLength: 200}),
};
