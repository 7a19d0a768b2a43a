import {ROLES} from '../schemas/roles.ts';
import type {AppAnswer} from '../reconciler/api/answers.ts';
import type {EnvAnswer} from '../reconciler/api/config-answers.ts';
import type {AppRoutes, DomainAnswer} from '../reconciler/api/route-answers.ts';
import type {Client} from './client.ts';
import type {CommandContext} from './command.ts';
import type {Candidate} from './complete.ts';
import {loadContexts} from './context.ts';
import {whichApp} from './which-app.ts';
import {clientOf, configFile} from './which-cluster.ts';

/** Who asks: with `-a` and `-c` as they stand in the line that is being typed. */
export type Asker = Pick<CommandContext, 'env' | 'cwd' | 'appFlag' | 'clusterFlag'>;

interface Asked {
  readonly asker: Asker;
  readonly client: Client;
  readonly signal: AbortSignal;
}

/**
 * What there is of a kind, by what the usage of commands calls it; where one word means several things, with the command before it. Rejects when
 * the cluster can't be asked.
 */
export async function candidatesFor(name: string, command: string, {asker, signal}: {readonly asker: Asker; readonly signal: AbortSignal}): Promise<readonly Candidate[]> {
  if (name === 'cluster' || (command === 'cluster' && name === 'name')) return Object.entries((await loadContexts(configFile(asker.env))).clusters).map(([value, {url}]) => ({value, about: url}));
  const find = SOURCES[`${command} ${name}`] ?? SOURCES[name];
  if (find === undefined) return [];
  return find({asker, client: await clientOf(asker), signal});
}

type Source = (asked: Asked) => Promise<readonly Candidate[]>;

const apps: Source = async ({client, signal}) => (await client.apps(signal)).map(({name, conditions}) => ({value: name, about: conditions.find(({type}) => type === 'Ready')?.message ?? ''}));

const services: Source = async (asked) => (await appOf(asked)).services.map(({name, healthy, wanted}) => ({value: name, about: `${healthy}/${wanted}`}));

const replicas: Source = async (asked) => {
  const {services: all, runs} = await appOf(asked);
  return [...all.flatMap((one) => one.replicas).map(({name, state}) => ({value: name, about: state})), ...runs.filter(({state}) => state !== 'ended').map(({name, program}) => ({value: name, about: program}))];
};

/** Without what shells take for the end of a word: `shop.example.com/api`, `5432`. */
const routes: Source = async (asked) => (await ofApp<AppRoutes>(asked, 'routes')).routes.map(({name, route}) => ({value: name.replace(/^(http|tcp):/, '').replace(/\/$/, ''), about: route.service ?? ''}));

const domains: Source = async (asked) => (await ofApp<readonly DomainAnswer[]>(asked, 'domains')).map(({host}) => ({value: host}));

const variables: Source = async (asked) => {
  const {env, secrets} = await ofApp<EnvAnswer>(asked, 'env');
  return [...Object.keys(env).map((value) => ({value})), ...secrets.map((value) => ({value, about: 'a secret'}))];
};

const crons: Source = async (asked) => (await ofApp<readonly {readonly name: string; readonly schedule: string}[]>(asked, 'cron')).map(({name, schedule}) => ({value: name, about: schedule}));

const releases: Source = async (asked) => (await ofApp<{readonly releases: readonly {readonly number: number; readonly description: string}[]}>(asked, 'releases')).releases.map(({number, description}) => ({value: `v${number}`, about: description}));

const volumes: Source = async ({client, signal}) => (await client.get<readonly {readonly app: string; readonly name: string}[]>('/v1/volumes', signal)).map(({app, name}) => ({value: `${app}/${name}`}));

/** Of hosts, or of those of people's own by the names of their files. */
const certificates = (field: 'host' | 'name'): Source => async ({client, signal}) => (await client.get<readonly {readonly host: string; readonly name?: string; readonly issuer?: string}[]>('/v1/certificates', signal)).flatMap((one) => {
  const value = one[field];
  return value === undefined ? [] : [{value, about: one.issuer ?? ''}];
});

const people: Source = async ({client, signal}) => (await client.get<readonly {readonly user: string; readonly name: string}[]>('/v1/people', signal)).map(({user, name}) => ({value: user, about: name}));

const named = (path: string): Source => async ({client, signal}) => (await client.get<readonly {readonly name: string}[]>(path, signal)).map(({name}) => ({value: name}));

/** Those that are open. */
const proposals: Source = async ({client, signal}) => (await client.get<readonly {readonly number: number; readonly title: string}[]>('/v1/proposals', signal)).map(({number, title}) => ({value: String(number), about: title}));

const builds: Source = async (asked) => (await ofApp<readonly {readonly number: number; readonly state: string}[]>(asked, 'builds')).map(({number, state}) => ({value: String(number), about: state}));

const roles: Source = async () => ROLES.map((value) => ({value}));

const SOURCES: Readonly<Record<string, Source>> = {
  'app': apps,
  'app|replica': async (asked) => [...await apps(asked), ...await replicas(asked)],
  'service': services,
  'replica': replicas,
  'route': routes,
  'domain host': domains,
  'env name': variables,
  'cron name': crons,
  'cert host': certificates('host'),
  'cert name': certificates('name'),
  'release': releases,
  'volume': volumes,
  'user': people,
  'team': named('/v1/teams'),
  'node': named('/v1/nodes'),
  'role': roles,
  'review number': proposals,
  'approve number': proposals,
  'merge number': proposals,
  'reject number': proposals,
  'builds number': builds,
};

async function appOf(asked: Asked): Promise<AppAnswer> {
  return asked.client.app(await whichApp(undefined, asked.asker, asked.signal), asked.signal);
}

async function ofApp<Answer>({asker, client, signal}: Asked, what: string): Promise<Answer> {
  return client.get<Answer>(`/v1/apps/${await whichApp(undefined, asker, signal)}/${what}`, signal);
}
