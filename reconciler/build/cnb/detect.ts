import type {BuildContainer} from '../../adapters/build-container.ts';
import type {BuildLimits} from '../build.ts';
import type {BuildContext} from '../context.ts';
import {LimitExceeded} from '../limits.ts';
import {detail, formatLimit, step, warning} from '../output.ts';
import {BuildRefused} from '../refused.ts';
import {quote} from '../shell.ts';
import {checkApi, targetProblem, type Descriptor} from './descriptor.ts';
import {withUserEnv} from './environment.ts';
import {groupsOf, type Candidate} from './order.ts';
import {APP_FOLDER, PLANS_FOLDER, PLATFORM_FOLDER} from './places.ts';
import {readBuildPlan, resolvePlan, type Offer, type PlanEntry} from './plan.ts';
import {readFiles, runIn} from './read.ts';
import type {Setting} from './setting.ts';

/** `bin/detect` says so when the app is none of its business; every other code is a fault. */
const NOT_FOR_ME = 100;

export interface DetectedGroup {
  readonly participants: readonly Descriptor[];
  readonly entries: readonly PlanEntry[];
}

type Answer =
  | {readonly kind: 'pass'; readonly offers: readonly Offer[]}
  /** It is not for the app, it is for another system, or it failed. */
  | {readonly kind: 'no'; readonly reason: string};

/** The first group whose buildpacks all take the app, and whose wishes fit together. Each buildpack is asked once. */
export async function detectGroup(container: BuildContainer, context: BuildContext, {setting, signal}: {setting: Setting; signal: AbortSignal}): Promise<DetectedGroup> {
  const {print} = context;
  const answers = new Map<Descriptor, Answer>();
  const problems: string[] = [];
  print(step('Detecting Cloud Native Buildpacks'));
  const order = [setting.chosen.map(({id, version}) => ({id, ...(version !== '' && {version}), isOptional: false}))];
  for (const group of groupsOf(order, setting.known)) {
    for (const {descriptor} of group) {
      if (!answers.has(descriptor)) answers.set(descriptor, await ask(container, context, {descriptor, number: answers.size, setting, signal}));
    }
    const found = resolve(group, answers);
    if (typeof found !== 'string') {
      for (const {id, version} of found.participants) print(detail(`${id} ${version}`.trim()));
      return found;
    }
    problems.push(found);
  }
  const [reason = 'no buildpacks are named', ...others] = new Set(problems);
  if (others.length === 0) throw new BuildRefused(reason);
  for (const problem of [reason, ...others]) print(warning(problem));
  throw new BuildRefused(`none of ${problems.length} groups of buildpacks fits the app`);
}

/** The group without those that stay out, or why it can't be. */
function resolve(group: readonly Candidate[], answers: ReadonlyMap<Descriptor, Answer>): DetectedGroup | string {
  const passed = group.flatMap(({descriptor, isOptional}) => {
    const answer = answers.get(descriptor);
    return answer?.kind === 'pass' ? [{id: descriptor.id, isOptional, offers: answer.offers}] : [];
  });
  const failed = group.flatMap(({descriptor, isOptional}) => {
    const answer = answers.get(descriptor);
    return isOptional || answer === undefined || answer.kind === 'pass' ? [] : [answer.reason];
  });
  if (failed[0] !== undefined) return failed[0];
  const plan = resolvePlan(passed);
  if (!plan.ok) return plan.problem;
  const {participants, entries} = plan.value;
  return {participants: group.map(({descriptor}) => descriptor).filter(({id}) => participants.includes(id)), entries};
}

interface Question {
  readonly descriptor: Descriptor;
  /** Of the plan's file. */
  readonly number: number;
  readonly setting: Setting;
  readonly signal: AbortSignal;
}

async function ask(container: BuildContainer, {print, limits}: BuildContext, {descriptor, number, setting, signal}: Question): Promise<Answer> {
  const {id, folder} = descriptor;
  checkApi(descriptor);
  const elsewhere = targetProblem(descriptor, setting.platform);
  if (elsewhere !== undefined) return {kind: 'no', reason: `buildpack "${id}" is ${elsewhere}`};
  const plan = `${PLANS_FOLDER}/${number}.toml`;
  await runIn(container, {folder: '/', text: `: >${quote(plan)}`}, signal);
  const lines: string[] = [];
  const {exitCode} = await container.run({
    // Given twice, as words too: what was the way before Buildpack API 0.8 is still read by many.
    words: ['bash', '-c', 'exec "$@" 2>&1', 'detect', `${folder}/bin/detect`, PLATFORM_FOLDER, plan],
    folder: APP_FOLDER,
    env: {...scriptEnv(descriptor, setting, setting.env), CNB_BUILD_PLAN_PATH: plan},
  }, line => lines.push(line), signal);
  if (exitCode === NOT_FOR_ME) return {kind: 'no', reason: `buildpack "${id}" is not for this app`};
  await checkMemory(container, {exitCode, limits, signal});
  if (exitCode !== 0) {
    for (const line of lines.slice(-20)) print(line);
    return {kind: 'no', reason: `bin/detect of "${id}" failed with ${exitCode} (100 would say that it is not for this app)`};
  }
  const text = (await readFiles(container, {folder: '/', find: `printf '%s\\0' ${quote(plan)}`}, signal)).get(plan) ?? '';
  return {kind: 'pass', offers: readBuildPlan(text, `build plan of "${id}"`)};
}

/** Throws when a script ended because it wanted more memory than there is. */
export async function checkMemory(container: BuildContainer, {exitCode, limits, signal}: {exitCode: number; limits: BuildLimits; signal: AbortSignal}): Promise<void> {
  if (exitCode !== 0 && (exitCode === 137 || (await container.wasOutOfMemory(signal)))) throw new LimitExceeded(`the build used more than ${formatLimit(limits.memoryBytes)} of memory`);
}

/** What its scripts find in their environment. */
export function scriptEnv({folder, api, clearsEnv}: Descriptor, {userEnv}: Setting, env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const own = {CNB_BUILDPACK_DIR: folder, ...(api === '0.12' && {CNB_EXEC_ENV: 'production'})};
  return {...(clearsEnv ? env : withUserEnv(env, userEnv)), ...own};
}
