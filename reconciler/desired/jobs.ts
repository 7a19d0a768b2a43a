import {RELEASE} from '../../schemas/app.ts';
import {CRON_DEFAULTS, type CronManifest} from '../../schemas/cron.ts';
import type {CronName} from '../../schemas/ids.ts';
import {TIMEZONE_DEFAULT} from '../../schemas/schedule.ts';
import type {Problem} from '../../schemas/schema.ts';
import {commandOfService, own, requestsOf, templateOf, wordsOf, type ServiceInput} from './service.ts';
import type {ContainerTemplate, DesiredCron} from './state.ts';

/** What is run once before a release gets traffic: app.yaml's `release`, else the Procfile's line. */
export function resolveReleaseJob(input: ServiceInput): ContainerTemplate | undefined {
  const {app, release} = input;
  const command = app.release === undefined ? own(release.services, RELEASE)?.command : wordsOf(app.release, release);
  return command === undefined ? undefined : templateOf({command}, input).container;
}

/** The commands with a schedule, sorted by name, and the problems in app.yaml of those that can't be run. */
export function resolveCrons(input: ServiceInput): {readonly crons: readonly DesiredCron[]; readonly problems: readonly Problem[]} {
  const crons: DesiredCron[] = [];
  const problems: Problem[] = [];
  for (const [name, manifest] of Object.entries(input.app.cron ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const command = commandOf(manifest, input);
    if (command === undefined) {
      problems.push(noCommand(name, manifest, input));
      continue;
    }
    const cron = resolveCron(name as CronName, {manifest, command}, input);
    const service = manifest.service === undefined ? undefined : own(input.app.services, manifest.service);
    const requests = requestsOf(manifest.requests ?? service?.requests, input.requests, cron.container);
    if (requests.ok) crons.push({...cron, ...(requests.value !== undefined && {requests: requests.value})});
    else problems.push(...requests.problem.map((problem) => ({...problem, path: ['cron', name, 'requests', ...problem.path]})));
  }
  return {crons, problems};
}

function resolveCron(name: CronName, {manifest, command}: {manifest: CronManifest; command: readonly string[]}, input: ServiceInput): DesiredCron {
  const {schedule, timezone = TIMEZONE_DEFAULT, overlap = CRON_DEFAULTS.overlap, deadlineSeconds = CRON_DEFAULTS.deadlineSeconds, service, suspend = false} = manifest;
  return {
    name,
    schedule: {expression: schedule, timezone},
    overlap,
    deadlineMs: deadlineSeconds * 1000,
    isSuspended: suspend,
    container: templateOf({command, ...(service !== undefined && {service})}, input).container,
  };
}

/** Undefined: it is to run the command of a service that has none. */
function commandOf({command, service}: CronManifest, input: ServiceInput): readonly string[] | undefined {
  if (command !== undefined) return wordsOf(command, input.release);
  return service === undefined ? undefined : commandOfService(service, input);
}

function noCommand(name: string, {service}: CronManifest, {release, releaseNumber}: ServiceInput): Problem {
  const known = Object.keys(release.services).filter((one) => one !== RELEASE).toSorted().join(', ') || 'none';
  return {
    path: ['cron', name, 'service'],
    message: `cron.${name} runs the command of the service "${service}", which has none: release v${releaseNumber} has the services ${known}; add \`command:\` here, or a line to the Procfile`,
  };
}
