import type {SchemaObject} from 'ajv';
import {releaseSchema} from '../../../schemas/release.ts';
import {ROLES} from '../../../schemas/roles.ts';
import type {BuildCache, ListedBuild} from '../../builds/builds.ts';
import type {DeployOutcome, LogLine, StackImageInfo} from '../../node.ts';
import type {Killed, Restarted, RestartedReplica, StartedRun} from '../../oneshot/oneshot.ts';
import type {HistoryEntry, Overtaken, ReleaseDetails, ReleaseList, ReleaseOutcome, ReleaseSummary, RollbackPreview} from '../../release/releases.ts';
import type {SourceStatus} from '../../source/status.ts';
import type {CronRunStatus, CronStatus} from '../../status/cron.ts';
import type {AppStatus, CommitSigning, Condition, FlynnEvent, NodeStatus, ReplicaStatus, RunStatus, ServiceStatus} from '../../status/status.ts';
import type {AppAnswer, CreatedApp, PlanAnswer, PlannedAction, Problem, ScaledApp, Written} from '../answers.ts';
import {always, amount, APP, AT, COMMIT, count, either, type Fields, flag, listOf, mapOf, maybe, objectOf, oneOfTexts, ref, SERVICE, text} from './schema.ts';

const DIAGNOSTIC = objectOf<{readonly file: string; readonly line: number; readonly column: number; readonly message: string}>('Something wrong in a manifest, at its place.', {
  file: text('Path from the root of the cluster repository.'), line: count('From 1 on.'), column: count('From 1 on.'), message: text('For people.'),
});

const CONDITION = objectOf<Condition>('As Kubernetes and Flux have it.', {
  type: oneOfTexts('What it is about.', ['Ready', 'Reconciling', 'Stalled']), status: flag('Whether it is so.'), reason: text('CamelCase, for programs.'),
  message: text('A sentence, for people.'), commit: COMMIT, since: text(`${AT} When status or reason last changed.`),
});

const REPLICA = objectOf<ReplicaStatus>('One copy of a service.', {
  name: text('`web.1`'), containerId: text("The engine's."), release: count('Number of its release.'),
  state: oneOfTexts('How it is.', ['starting', 'up', 'unhealthy', 'crashed', 'stopping']), since: text(AT), detail: maybe(text('Why.')),
});

const SERVICE_STATUS = objectOf<ServiceStatus>('A service, as the last pass saw it.', {
  name: SERVICE, command: listOf({type: 'string'}, "Argument vector; empty: the image's own."), wanted: count('Copies that there should be.'),
  waitsFor: maybe(text('Why some of them have no place on any node.')), healthy: count('Copies that work.'), replicas: listOf(ref('Replica')),
});

const RUN = objectOf<RunStatus>('A command that somebody runs.', {
  name: text('`run.4821`'), containerId: text("The engine's."), release: count('Number of its release.'), program: text('First word of its command; the others may be secrets.'),
  isDetached: flag('Nobody is connected.'), state: oneOfTexts('How it is.', ['starting', 'up', 'stopping', 'ended']), since: text(AT), detail: maybe(text('How it ended.')),
});

const SOURCE = objectOf<SourceStatus>('How a source elsewhere is followed.', {
  git: text('HTTP(S), without user and password.'), branch: text('What is followed.'), path: maybe(text('The folder that is the app.')), intervalSeconds: amount('From one look to the next.'),
  hasHook: flag('Webhooks are taken.'), state: oneOfTexts('How it is.', ['new', 'deployed', 'deploying', 'failed', 'unreachable', 'suspended']),
  commit: maybe(text("Of the app's source: the newest one that was deployed, or that failed.")), release: maybe(count('Number of its release.')), deploying: maybe(text('The commit that is being deployed.')),
  detail: maybe(text('Why it failed.')), lookedAt: maybe(text(AT)), nextLookAt: maybe(text(AT)),
});

const APP_STATUS: Fields<AppStatus> = {
  name: APP, id: maybe(text('Of one that was renamed: what its volumes, images and logs go by.')), release: maybe(count('The release that git wants.')), servingRelease: maybe(count('The one that really serves, when it is another one.')),
  urls: listOf({type: 'string'}), ports: maybe(listOf({type: 'object', additionalProperties: false, required: ['port', 'service'], properties: {port: count('Of the node.'), service: SERVICE, sni: text('Host of TLS.')}}, 'TCP ports that lead to it.')),
  isInMaintenance: maybe(flag('Its URLs answer 503.')), source: maybe(ref('Source')), services: listOf(ref('ServiceStatus')), runs: listOf(ref('Run')), conditions: listOf(ref('Condition')),
  waiting: listOf({type: 'string'}, 'What is not done yet, and on what it waits.'), notices: maybe(listOf({type: 'string'}, 'What somebody should look at.')),
};

const NODE_ROOM: SchemaObject = {
  type: 'object', additionalProperties: false, required: ['node', 'memoryBytes', 'cpus', 'free'], description: 'What replicas may request together, and what nobody has requested.',
  properties: {node: text('Its name.'), closed: oneOfTexts('Nothing new starts there. Absent: it may.', ['cordoned', 'drained']), memoryBytes: amount('Bytes.'), cpus: amount('Cores.'), free: {type: 'object', additionalProperties: false, required: ['memoryBytes', 'cpus'], properties: {memoryBytes: {type: 'number'}, cpus: {type: 'number'}}}},
};

const SIGNING = objectOf<CommitSigning>('Whether commits have to be signed.', {
  isRequired: flag('Only signed ones are followed.'), nodeKey: text('SSH public key that this node signs its own with.'), isNodeKeyKnown: flag('The applied commit has it in `nodes/`.'),
});

const NODE_STATUS = objectOf<NodeStatus>('The node, and all apps that may be seen.', {
  node: text('Its name.'), cluster: text('Name of the cluster.'), domain: text('Apps are at <app>.<domain>.'), commit: maybe({...COMMIT, description: 'The last applied commit.'}),
  revision: maybe(text('`main@sha1:<40 hex>`')), lastPassAt: maybe(text(AT)), lastSuccessfulPassAt: maybe(text(`${AT} When the last pass ended in which nothing failed.`)),
  conditions: listOf(ref('Condition')), commits: maybe(SIGNING), nodes: listOf(NODE_ROOM), apps: listOf(objectOf<AppStatus>('An app.', APP_STATUS)), notices: maybe(listOf({type: 'string'})),
});

const EVENT = objectOf<FlynnEvent>('One thing that happened.', {
  at: text(AT), app: maybe(APP), kind: text('For programs.'), message: text('For people.'), reason: maybe(text('Why.')), commit: maybe(text('The commit that it is about.')),
  actor: maybe(text('Who: the author of the commit, or `flynn`.')), release: maybe(count('Number of a release.')), container: maybe(text('First 12 digits of its id.')),
});

const LOG_LINE = objectOf<LogLine>('One line of a log.', {
  at: text('ISO 8601 with nanoseconds, UTC.'), source: oneOfTexts('Who wrote it.', ['app', 'flynn']), name: text('`web.1`; of our own lines `build`, `router`, `platform` or `logs`.'),
  container: maybe(text('First 12 digits of its id.')), release: maybe(count('Number of its release.')), stream: oneOfTexts('Where to.', ['stdout', 'stderr']), text: text('What was written.'),
});

const WRITTEN: Fields<Written> = {
  commit: {...COMMIT, description: 'The commit that says so now.'}, isNew: flag('False: the repository said so already.'), message: text("The commit's subject."),
  outcome: maybe(ref('Outcome')),
};

const OVERTAKEN = objectOf<Overtaken>('A later commit that has changed the same again: the outcome is of that one.', {commit: COMMIT, by: text('Who.'), subject: text("The commit's.")});

const DEPLOY_OUTCOMES: readonly SchemaObject[] = [
  {type: 'object', additionalProperties: true, required: ['result', 'commit', 'urls'], properties: {result: always('healthy', 'It serves.'), commit: COMMIT, release: count('Number of the release.'), urls: listOf({type: 'string'}), overtaken: OVERTAKEN}},
  {type: 'object', additionalProperties: false, required: ['result', 'commit', 'cause', 'log'], properties: {result: always('failed', 'It does not, and is not tried again.'), commit: COMMIT, cause: text('Why, in words.'), log: listOf({type: 'string'}, 'Last lines of the container that failed.'), overtaken: OVERTAKEN}},
  {type: 'object', additionalProperties: true, required: ['result', 'commit'], properties: {result: always('suspended', 'Nothing runs until somebody resumes the app.'), commit: COMMIT, release: count('Number of the release.'), overtaken: OVERTAKEN}},
  {type: 'object', additionalProperties: false, required: ['result', 'commit'], properties: {result: always('removed', 'The app is gone.'), commit: COMMIT}},
];

/** Keeps the compiler's eye on the kinds above. */
const OUTCOME_RESULTS: Readonly<Record<DeployOutcome['result'], true>> = {healthy: true, failed: true, suspended: true, removed: true};

const RELEASE_SUMMARY: Fields<ReleaseSummary> = {
  number: count('`3`'), state: oneOfTexts('What became of it.', ['current', 'kept', 'old', 'failed', 'reverted']), detail: maybe(text('Why it failed, or who reverted it.')),
  description: text('`Deploy 1a2b3c4d`'), by: text('Who.'), at: text(AT), commit: COMMIT, rollbackOf: maybe(count('The release that it repeats.')),
};

const RELEASE_RESULTS: Readonly<Record<ReleaseOutcome['result'], true>> = {healthy: true, failed: true, superseded: true, removed: true, proposed: true};

const STACK_IMAGE: Fields<StackImageInfo> = {
  name: oneOfTexts('Which.', ['run', 'build', 'router']), tag: text('Its name in the engine.'), id: maybe(text("The engine's.")), madeAt: maybe(text(AT)), sizeBytes: maybe(count('Bytes.')), debian: maybe(text('`Debian 13`')),
};

const CRON_RUN = objectOf<CronRunStatus>('One run of a cron job.', {
  id: text('`20261125-030000`'), dueAt: text(AT), by: maybe(text('Who asked for it. Absent: its schedule.')), state: oneOfTexts('How it is.', ['due', 'running', 'stopping', 'succeeded', 'failed', 'stopped', 'missed']),
  startedAt: maybe(text(AT)), endedAt: maybe(text(AT)), release: maybe(count('Number of its release.')), exitCode: maybe({type: 'integer'}), detail: maybe(text('Why it did not succeed.')), count: maybe(count('Of missed ones: how many this stands for.')),
});

const BUILD = objectOf<ListedBuild>('One build of an app.', {
  app: APP, number: count('From 1 on, for each app.'), commit: text("Of the app's source."), branch: maybe(text('What was pushed.')), by: text('Who.'), origin: oneOfTexts('What it was made for.', ['push', 'deploy', 'pull', 'rebuild']),
  state: oneOfTexts('How it is.', ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted']), queuedAt: text(AT), startedAt: maybe(text(AT)), endedAt: maybe(text(AT)), builder: maybe(text('`Node.js`, `Dockerfile`, …')),
  image: maybe(text('Its digest.')), sourceBytes: maybe(count('Of the source, as a tar.')), imageBytes: maybe(count('Bytes.')), release: maybe(count('What became of the image.')), reason: maybe(text('Why there is no image, or why its release does not serve.')),
  ahead: maybe(count('How many have their turn before it.')),
});

/** What apps, releases, builds and runs look like in answers. */
export const APP_ANSWERS: Readonly<Record<string, SchemaObject>> = {
  Problem: objectOf<Problem>('Why not: RFC 9457.', {
    type: always('about:blank', 'The status says it all.'), status: count('The HTTP status.'), title: text('Its words.'), detail: text('For people.'), errors: maybe(listOf(DIAGNOSTIC, 'Each thing that is wrong in a manifest, at its place.')),
  }),
  Written: objectOf<Written>('A change of intent is a commit: this one.', WRITTEN),
  Outcome: either('What became of the commit, with `?wait=true`.', ...DEPLOY_OUTCOMES.slice(0, Object.keys(OUTCOME_RESULTS).length),
    {type: 'object', additionalProperties: false, required: ['result', 'commit', 'detail'], properties: {result: always('converging', 'It was waited for as long as a request may take.'), commit: COMMIT, detail: text('What is going on.')}}),
  App: objectOf<AppAnswer>('An app, as the last pass saw it.', {...APP_STATUS, gitUrl: text('What is pushed to.')}),
  CreatedApp: objectOf<CreatedApp>('The app that was made.', {...WRITTEN, name: APP, gitUrl: text('What is pushed to.'), webUrl: text('Where it will be.')}),
  ScaledApp: objectOf<ScaledApp>('How many copies there are to be.', {...WRITTEN, services: mapOf(count('Copies.'))}),
  Condition: CONDITION, Replica: REPLICA, ServiceStatus: SERVICE_STATUS, Run: RUN, Source: SOURCE, NodeStatus: NODE_STATUS, Event: EVENT, LogLine: LOG_LINE,
  Plan: objectOf<PlanAnswer>('What the next pass does.', {actions: listOf(ref('PlannedAction')), waiting: listOf({type: 'object', additionalProperties: false, required: ['subject', 'on'], properties: {app: APP, subject: text('`web.2`'), on: text('What it waits for.'), untilMs: amount('Milliseconds since 1970.')}}), text: text('The same for people. Empty: nothing to do.')}),
  PlannedAction: objectOf<PlannedAction>('An action, without what only its executor needs.', {kind: text('For programs.'), app: maybe(APP), subject: text('What it is about.'), reason: text('Why.')}),
  ConvergedLine: either('How far it is.', {type: 'object', additionalProperties: false, required: ['progress'], properties: {progress: text('`web [1/3]`')}}, {type: 'object', additionalProperties: false, required: ['outcome'], properties: {outcome: {anyOf: DEPLOY_OUTCOMES}}}),
  StreamEnd: either('The last line of every stream; without it, it was cut off.', {type: 'object', additionalProperties: false, required: ['end'], properties: {end: always(true, 'All was told.')}}, {type: 'object', additionalProperties: false, required: ['problem'], properties: {problem: ref('Problem')}}),

  ReleaseSummary: objectOf<ReleaseSummary>('A release.', RELEASE_SUMMARY),
  ReleaseList: objectOf<ReleaseList>('Releases, the newest first.', {current: maybe(count('The one that git wants.')), serving: maybe(count('The one that serves here, when it is another one.')), releases: listOf(ref('ReleaseSummary'))}),
  Release: objectOf<ReleaseDetails>('A release, with its image and configuration.', {...RELEASE_SUMMARY, image: text('Its digest.'), isImageHere: flag('The node has it.'), source: releaseSchema.properties.source, services: releaseSchema.properties.services, changes: listOf({type: 'string'}, 'Names of what was configured otherwise before it.')}),
  HistoryEntry: objectOf<HistoryEntry>('A commit that changed the app.', {commit: COMMIT, at: text(AT), by: text('Its author.'), subject: text('First line of its message.'), current: maybe(count('The release that was current after it.')), proposal: maybe({type: 'object', description: 'Of a merged proposal.', additionalProperties: false, required: ['number', 'by', 'approvedBy'], properties: {number: count('Its name.'), by: text('Who wrote it.'), approvedBy: listOf({type: 'string'}, 'Who has approved it.')}})}),
  RollbackPreview: objectOf<RollbackPreview>('What a rollback would change.', {from: count('Release.'), to: count('Release.'), description: text('Of the release that is gone back to.'), image: text('Its digest.'), isImageHere: flag('Otherwise it is built again first.'), changes: listOf({type: 'string'}, 'Names only.')}),
  Rebase: {type: 'object', description: 'Whether the current release stands on the run image of today.', additionalProperties: false, required: ['app', 'state'], properties: {app: APP, release: count('Absent: there is none.'), state: oneOfTexts('`fixed`: it can\'t be put onto another image.', ['current', 'outdated', 'fixed']), reason: text('Why it is fixed.')}},
  PrintLine: {type: 'object', additionalProperties: false, required: ['print'], properties: {print: text('For people.')}},
  ReleaseLine: either('How it goes, and at the end what became of it.', ref('PrintLine'), {type: 'object', additionalProperties: false, required: ['outcome'], properties: {outcome: ref('ReleaseOutcome')}}),
  ReleaseOutcome: {type: 'object', description: 'What became of a release.', additionalProperties: false, required: ['result', 'release'], properties: {
    result: oneOfTexts('What became of it.', Object.keys(RELEASE_RESULTS)), release: count('Its number.'), urls: listOf({type: 'string'}), cause: text('Why it failed.'), log: listOf({type: 'string'}), isTakenBack: flag('Git does not name it any more.'), by: count('The release that is current instead.'), proposal: count('It waits for others, and is deployed when they have merged it.'),
  }},

  Build: BUILD,
  BuildLine: either('A line of the log, and at the end the build.', {type: 'object', additionalProperties: false, required: ['line'], properties: {line: text('As it was printed.')}}, {type: 'object', additionalProperties: false, required: ['build'], properties: {build: ref('Build')}}),
  BuildCache: objectOf<BuildCache>('What builds keep for the next one.', {app: APP, bytes: count('0: nothing.'), maxBytes: maybe(count('From here on it is emptied.'))}),
  DeployLine: either('How it goes, and at the end what was deployed.', ref('PrintLine'), {type: 'object', additionalProperties: false, required: ['deployed'], properties: {deployed: {type: 'object', additionalProperties: false, required: ['release', 'commit', 'urls'], properties: {release: count('Its number.'), commit: COMMIT, urls: listOf({type: 'string'}), proposal: count('It waits for others, and is deployed when they have merged it.')}}}}),
  SourceLine: either('How it goes, and at the end how the source is.', ref('PrintLine'), {type: 'object', additionalProperties: false, required: ['source'], properties: {source: ref('Source')}}),

  Cron: objectOf<CronStatus>('A command with a schedule.', {
    name: text('Its name.'), schedule: text('Five fields.'), timezone: text('`Europe/Berlin`'), command: listOf({type: 'string'}), overlap: text('What is done when the last run has not ended.'), isSuspended: flag('It does not run by itself.'),
    nextAt: maybe(text(AT)), runs: listOf(ref('CronRun'), 'The newest last.'),
  }),
  CronRun: CRON_RUN,
  CronLine: either('A line of its log, and at the end the run.', {type: 'object', additionalProperties: false, required: ['line'], properties: {line: ref('LogLine')}}, {type: 'object', additionalProperties: false, required: ['run'], properties: {run: ref('CronRun')}}),
  StartedRun: objectOf<StartedRun>('A run that has begun.', {name: text('`run.4821`'), release: count('Number of its release.')}),
  Killed: objectOf<Killed>('A container that has ended.', {replica: text('`web.1`'), tookMs: amount('Milliseconds.'), isReplaced: flag('Another one takes its place.')}),
  Restarted: objectOf<Restarted>('Services that get new containers.', {services: listOf({type: 'string'})}),
  RestartedReplica: objectOf<RestartedReplica>('A replica that has a new container.', {replica: text('`web.1`'), tookMs: amount('Milliseconds.')}),
  StackImage: objectOf<StackImageInfo>('An image that apps are built in, or run on.', STACK_IMAGE),
  StackLine: either('How it goes, and at the end the images.', ref('PrintLine'), {type: 'object', additionalProperties: false, required: ['images'], properties: {images: listOf(objectOf<StackImageInfo & {readonly isNew: boolean}>('An image.', {...STACK_IMAGE, isNew: flag('It was made now.')}))}}),
  Role: {type: 'string', enum: ROLES, description: 'What somebody may do, each with all that those before it may.'},
};
