import {REPLICAS_MAX, WEB} from '../../../schemas/app.ts';
import {BRANCH_PATTERN, NAME_PATTERN} from '../../../schemas/names.ts';
import {ENV_VALUE_LENGTH_MAX, variableNameSchema} from '../../../schemas/variables.ts';
import {LOG_LINES_DEFAULT, LOG_LINES_MAX} from '../read.ts';
import {LIMIT_DEFAULT} from '../read-releases.ts';
import {action, commit, lines, question, writtenLines, type Operations} from './operation.ts';
import {IMAGE_FIELDS, patchOf, SERVICE_FIELDS} from './services.ts';
import {always, APP, bodyOf, count, flag, HOOK_SECRET, listOf, mapOf, ref, SERVICE, text} from './schema.ts';

/** So many more, or less, than there are: `+1`, `-2`. */
const SCALE_STEP_PATTERN = '^[+-][1-9]\\d{0,3}$';

const SWITCH = bodyOf({on: flag('Whether it is to be so.')}, ['on']);
const FOLLOW = {follow: flag('Tell also what comes, until the connection is closed.', {default: false})};
/** `3`, also as `v3`. */
const RELEASE_NUMBER = {type: ['integer', 'string'], minimum: 1, maximum: 1e9, pattern: '^v?[1-9]\\d{0,8}$', description: 'Number of a release: 3, or "v3".', errorMessage: 'must be the number of a release such as 3 or v3'};
const WORDS = listOf({type: 'string', maxLength: 10_000}, "Argument vector; empty: the image's own.");
const MOMENT = {maxLength: 100, examples: ['10m', '2026-11-25T19:54:23Z']};
const NEWEST = {limit: count('The newest so many.', {minimum: 1, maximum: 1000, default: LIMIT_DEFAULT})};

const LOG_QUERY = {
  lines: count('The last so many; with `since` all of them.', {maximum: LOG_LINES_MAX, default: LOG_LINES_DEFAULT}), ...FOLLOW,
  replica: text('Only of `web.1`.', {maxLength: 200}), since: text('Not before: a time, or how long ago.', MOMENT), until: text('Before.', MOMENT), grep: text('A regular expression that the text matches.', {maxLength: 1000}),
};

export const APP_OPERATIONS: Operations = {
  'GET /v1/apps': question('apps', 'List all apps that you may see', listOf(ref('App')), {pages: {key: ['name']}, hasEtag: true, isOfPass: true}),
  'GET /v1/apps/:app': question('apps', 'Show an app', ref('App'), {hasEtag: true, isOfPass: true}),
  'POST /v1/apps': commit('apps', 'Make an app', ref('CreatedApp'), {body: bodyOf({name: APP}, ['name']), statuses: [201, 200]}),
  'POST /v1/apps/:app/maintenance': commit('apps', 'Let its hosts answer 503 with a page that says so, or the app again', ref('Written'), {body: SWITCH}),
  'POST /v1/apps/:app/suspend': commit('apps', 'Stop all of it, or let it run again', ref('Written'), {body: SWITCH}),
  'POST /v1/apps/:app/destroy': commit('apps', 'Remove it', ref('Written'), {body: bodyOf({confirm: text('The name of the app once more: nobody removes one by a slip.')}, ['confirm']), description: 'Its volumes stay.'}),
  'POST /v1/apps/:app/rename': commit('apps', 'Give it another name', ref('CreatedApp'), {body: bodyOf({name: APP}, ['name']), description: 'One commit. Releases, configuration, volumes, logs and the rights of people stay with it; its host becomes another one. Takes app.create too. Refused while it is built or deployed.'}),
  'GET /v1/apps/:app/converged': lines('apps', 'Wait until what git says of it is what runs', ref('ConvergedLine'), {query: {of: text('A commit of it: the outcome says when a later one has changed the same again.', {pattern: '^[0-9a-f]{40}$'})}}),
  'GET /v1/apps/:app/history': question('apps', 'List every commit that changed it', listOf(ref('HistoryEntry')), {query: NEWEST, pages: {key: ['commit']}}),
  'GET /v1/apps/:app/logs': lines('logs', "Read an app's log", ref('LogLine'), {
    query: {
      ...LOG_QUERY, service: {...SERVICE, description: 'Only of this service; also `router`, `build`, `platform`.'},
    },
  }),

  'GET /v1/apps/:app/services': question('services', 'List services, as git has them and as they run', listOf(ref('Service')), {pages: {key: ['name']}, hasEtag: true, isOfPass: true}),
  'GET /v1/apps/:app/services/:service': question('services', 'Show a service', ref('Service'), {hasEtag: true, isOfPass: true}),
  'POST /v1/apps/:app/services': commit('services', 'Make a service, with a command or with an image', ref('ServiceWritten'), {
    statuses: [201, 200], body: ref('NewService'), description: 'With an image it is a release of it, and the answer comes when that serves or has failed.',
  }),
  'PATCH /v1/apps/:app/services/:service': commit('services', 'Change fields of a service, or give it a new image', ref('ServiceWritten'), {
    body: {...bodyOf({...patchOf(SERVICE_FIELDS), ...IMAGE_FIELDS}), minProperties: 1}, description: 'A merge patch (RFC 7396): null takes a field out. `replicas` takes the right app.scale, `image` app.deploy, all others app.edit.',
  }),
  'PUT /v1/apps/:app/services/:service': commit('services', 'Set all that app.yaml says of a service', ref('ServiceWritten'), {body: ref('ServiceSettings'), description: 'Its variables stay.'}),
  'DELETE /v1/apps/:app/services/:service': commit('services', 'Remove a service', ref('ServiceWritten')),
  'POST /v1/apps/:app/services/:service/restart': action('services', 'Give a service new containers', ref('Restarted')),
  'GET /v1/apps/:app/services/:service/logs': lines('services', 'Read the log of a service', ref('LogLine'), {query: LOG_QUERY}),
  'POST /v1/apps/:app/scale': commit('services', 'Scale services', ref('ScaledApp'), {
    body: bodyOf({services: {
      type: 'object', minProperties: 1, maxProperties: 100, propertyNames: {pattern: NAME_PATTERN, errorMessage: "can't name a service"}, description: 'Copies by service; a text such as `+1` or `-2` says how many more or less.', examples: [{web: 3}, {web: '+1'}],
      additionalProperties: count('Copies.', {type: ['integer', 'string'], maximum: REPLICAS_MAX, pattern: SCALE_STEP_PATTERN, errorMessage: `must be a whole number from 0 to ${REPLICAS_MAX}`}), errorMessage: 'must be an object such as {"web": 3}',
    }}, ['services']),
  }),
  'POST /v1/apps/:app/restart': action('services', 'Give services new containers', ref('Restarted'), {body: bodyOf({service: {...SERVICE, description: 'Absent: all that run.'}}), isBodyOptional: true}),

  'GET /v1/apps/:app/releases': question('releases', 'List releases, the newest first', ref('ReleaseList'), {query: NEWEST, pages: {list: 'releases', key: ['number']}}),
  'GET /v1/apps/:app/releases/:number': question('releases', 'Show a release', ref('Release')),
  'POST /v1/apps/:app/releases': writtenLines('releases', 'Deploy an image that was built elsewhere', ref('ReleaseLine'), {
    body: bodyOf({
      image: text('A name, a name with a digest, or an id.', {minLength: 1, maxLength: 500, errorMessage: 'must be the name of an image such as nginx:1.27'}), pull: flag('Ask the registry although the engine has it.', {default: false}),
      service: {...SERVICE, default: WEB}, command: {...WORDS, maxItems: 100}, port: {type: 'integer', minimum: 1, maximum: 65_535, description: 'Default: what the image exposes.'},
    }, ['image']),
    isRelease: true,
  }),
  'GET /v1/apps/:app/rollback': question('releases', 'Show what a rollback would change', ref('RollbackPreview'), {query: {to: RELEASE_NUMBER, from: RELEASE_NUMBER, codeOnly: flag('The configuration stays.', {default: false})}}),
  'POST /v1/apps/:app/rollback': writtenLines('releases', 'Go back to an earlier release', ref('ReleaseLine'), {
    body: bodyOf({to: {...RELEASE_NUMBER, description: 'Default: the one before.'}, from: {...RELEASE_NUMBER, description: 'Refused when it is not the current one any more.'}, codeOnly: flag('The configuration stays.', {default: false})}), isBodyOptional: true, isRelease: true,
  }),
  'GET /v1/apps/:app/rebase': question('releases', 'Show whether it stands on the run image of today', ref('Rebase')),
  'POST /v1/apps/:app/rebase': writtenLines('releases', 'Put it onto the run image of today', ref('ReleaseLine'), {isRelease: true}),
  ...Object.fromEntries((['promote', 'abort'] as const).map((kind) => [`POST /v1/apps/:app/canary/${kind}`, action('releases', kind === 'promote' ? 'End the watching of canaries: deploy it everywhere' : 'End the watching of canaries: take it back', {
    type: 'object', additionalProperties: false, required: ['app', 'decided'], properties: {app: APP, decided: always(kind, 'What becomes of it.')},
  }, {statuses: [202]})])),

  'GET /v1/apps/:app/builds': question('builds', 'List builds, the newest first', listOf(ref('Build')), {query: NEWEST, pages: {key: ['number']}}),
  'GET /v1/apps/:app/builds/:number': question('builds', 'Show a build', ref('Build')),
  'GET /v1/apps/:app/builds/:number/log': lines('builds', 'Read the log of a build', ref('BuildLine'), {query: FOLLOW}),
  'POST /v1/apps/:app/builds': writtenLines('builds', 'Build and deploy what was pushed', ref('DeployLine'), {
    description: 'Ends, and is undone, when the connection is closed: as a push.',
    body: {...bodyOf({branch: text('What was pushed to.', {maxLength: 200, pattern: BRANCH_PATTERN, errorMessage: "can't name a branch"}), commit: text('Or a commit of it: at least its first 7 digits.', {pattern: '^[0-9a-f]{7,40}$', errorMessage: 'must be 7 to 40 hex digits'})}), oneOf: [{required: ['branch']}, {required: ['commit']}], errorMessage: 'must be a JSON object with either "branch" or "commit"'},
  }),
  'POST /v1/apps/:app/builds/:number/cancel': action('builds', 'End a build', ref('Build')),
  'GET /v1/apps/:app/build-cache': question('builds', 'Show what builds keep for the next one', ref('BuildCache')),
  'POST /v1/apps/:app/build-cache/purge': action('builds', 'Let that go', ref('BuildCache')),
  'GET /v1/apps/:app/source': question('builds', 'Show how its source elsewhere is followed', ref('Source'), {hasEtag: true, isOfPass: true}),
  'POST /v1/apps/:app/source/sync': writtenLines('builds', 'Look at its source now, and deploy the newest commit', ref('SourceLine')),
  'POST /v1/apps/:app/source/hook': commit('builds', 'Set what webhooks prove themselves with', ref('HookMade'), {
    body: bodyOf({secret: HOOK_SECRET}, ['secret']),
  }),

  'GET /v1/apps/:app/env': question('env', 'List variables, and names of secrets', ref('Env'), {hasEtag: true}),
  'POST /v1/apps/:app/env': commit('env', 'Set and unset variables and secrets', ref('EnvWritten'), {
    body: bodyOf({
      set: {...mapOf({type: 'string', maxLength: ENV_VALUE_LENGTH_MAX, writeOnly: true, errorMessage: `must be a text of at most ${ENV_VALUE_LENGTH_MAX} characters`}, 'Values by name.'), maxProperties: 500, propertyNames: variableNameSchema, errorMessage: 'must be an object such as {"LOG_LEVEL": "info"}'},
      unset: {...listOf({type: 'string', ...variableNameSchema}, 'Names.'), maxItems: 500, errorMessage: 'must be a list such as ["LOG_LEVEL"]'},
      service: {...SERVICE, description: 'Absent: for all services.'}, secret: flag('Encrypt what is set. What is a secret already stays one in any case.', {default: false}),
    }),
  }),

  'GET /v1/apps/:app/run': {kind: 'session', tag: 'runs', summary: 'Run a command in a container of its own', description: 'A websocket. Its first message is what to run, as the body of POST.'},
  'POST /v1/apps/:app/run': action('runs', 'Run a command with nobody connected', ref('StartedRun'), {
    statuses: [201],
    body: bodyOf({
      command: {...listOf({type: 'string', pattern: '^[^\\0]*$'}, 'As typed. A single word is a shell\'s line.'), minItems: 1, errorMessage: 'must be a list of words such as ["ls", "-l"]'},
      env: {...mapOf({type: 'string', writeOnly: true}, "Beside the service's own."), errorMessage: 'must be an object such as {"LOG_LEVEL": "debug"}'}, service: {...SERVICE, description: 'Whose environment and limits it gets.'},
      terminal: {type: 'object', description: 'Of no use here: nobody is connected.'},
    }, ['command']),
  }),
  'GET /v1/apps/:app/replicas/:replica/exec': {kind: 'session', tag: 'runs', summary: 'Run a command in a container that runs', description: 'A websocket. Its first message is what to run, as the body of POST …/run.'},
  'POST /v1/apps/:app/replicas/:replica/kill': action('runs', 'Stop a container', ref('Killed')),
  'POST /v1/apps/:app/replicas/:replica/restart': writtenLines('runs', 'Give a replica a new container', ref('RestartedReplica')),
  'GET /v1/apps/:app/cron': question('runs', 'List commands with a schedule', listOf(ref('Cron')), {pages: {key: ['name']}, hasEtag: true, isOfPass: true}),
  'POST /v1/apps/:app/cron/:cron': commit('runs', 'Suspend a cron job, or let it run again', ref('Written'), {body: bodyOf({suspend: flag('Whether it is not to run by itself.')}, ['suspend'])}),
  'POST /v1/apps/:app/cron/:cron/runs': action('runs', 'Run a cron job now', ref('CronRun'), {statuses: [202]}),
  'GET /v1/apps/:app/cron/:cron/runs/:run/log': lines('runs', 'Read what a run of a cron job wrote', ref('CronLine'), {query: FOLLOW}),

  'GET /v1/volumes': question('volumes', 'List volumes', listOf(ref('Volume')), {query: {app: APP}, pages: {key: ['app', 'name']}}),
  'GET /v1/apps/:app/volumes/:volume/backup': {kind: 'question', tag: 'volumes', summary: 'Get a backup', answerType: 'application/x-tar', description: 'Its last entry says what was in it: without, the answer was cut off.'},
  'POST /v1/apps/:app/volumes/:volume/restore': action('volumes', 'Replace it by a backup', ref('Backup'), {bodyType: 'application/x-tar'}),
  'POST /v1/apps/:app/volumes/:volume/remove': action('volumes', 'Remove it for ever', ref('VolumeId'), {body: bodyOf({confirm: text('`<app>/<volume>`')}, ['confirm'])}),
};
