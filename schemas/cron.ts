import {NAME_PATTERN, serviceNameSchema} from './names.ts';
import {requestsSchema, type RequestsManifest} from './requests.ts';
import {isTimezone, problemOfExpression, TIMEZONE_DEFAULT} from './schedule.ts';
import type {ObjectSchema, Problem} from './schema.ts';

/** A command that is run at certain times: `cron` of an app. */
export interface CronManifest {
  readonly schedule: string;
  readonly timezone?: string;
  /** A shell line, or an argument vector. Absent: that of `service`. */
  readonly command?: string | readonly string[];
  readonly service?: string;
  readonly requests?: RequestsManifest;
  readonly overlap?: Overlap;
  readonly deadlineSeconds?: number;
  readonly suspend?: boolean;
}

/** What becomes of a run that is due while the one before it is still going on. */
export type Overlap = 'forbid' | 'allow' | 'replace';

export const CRON_DEFAULTS = {overlap: 'forbid', deadlineSeconds: 3600} as const satisfies Partial<CronManifest>;

/** Entries an app: each has a history of its own on the disk. */
export const CRONS_MAX = 50;
const DEADLINE_SECONDS_MAX = 7 * 86_400;

/** A shell line or a list of arguments, as `command` has it everywhere. */
export const commandSchema = {
  type: ['string', 'array'],
  pattern: '\\S',
  minItems: 1,
  items: {type: 'string'},
  errorMessage: 'must be a shell line or a list of arguments',
};

export const cronSchema: ObjectSchema<CronManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['schedule'],
  properties: {
    schedule: {type: 'string', minLength: 1, maxLength: 200, description: 'As in a crontab: minute, hour, day of the month, month, weekday; seconds may stand in front. Or @hourly, @daily, @weekly, @monthly, @yearly. In quotes: a * at its beginning means something else in YAML.', examples: ['0 3 * * *', '*/15 * * * *']},
    timezone: {type: 'string', default: TIMEZONE_DEFAULT, description: 'Whose clocks the schedule is by: an IANA name.', examples: ['Europe/Berlin']},
    command: {...commandSchema, description: "A shell line, or a list of arguments that is run without a shell. Absent: the command of `service`.", examples: ['node nightly.js']},
    service: {...serviceNameSchema, type: 'string', description: 'It gets what copies of this service get: environment, limits, command. Absent: the environment of the app, and the limits in cluster.yaml.'},
    requests: {...requestsSchema('Memory that a run is to find free.', 'Cores that a run is to find free.'), description: 'What has to be free on a node before a run is started. Default: that of `service`. A run that finds no room waits, and is missed after ten minutes.'},
    overlap: {type: 'string', enum: ['forbid', 'allow', 'replace'], default: CRON_DEFAULTS.overlap, errorMessage: 'must be forbid, allow or replace', description: 'When a run is due while another one is going on: leave it out, run both, or stop the other one.'},
    deadlineSeconds: {type: 'number', minimum: 1, maximum: DEADLINE_SECONDS_MAX, default: CRON_DEFAULTS.deadlineSeconds, description: 'A run that takes longer is stopped, and has failed.'},
    suspend: {type: 'boolean', default: false, description: 'Nothing is run at its times. `flynn cron run` still does.'},
  },
};

export const cronsSchema = {
  type: 'object',
  maxProperties: CRONS_MAX,
  propertyNames: {pattern: NAME_PATTERN, errorMessage: serviceNameSchema['errorMessage']},
  additionalProperties: cronSchema,
  description: 'Commands that are run at certain times, each in a container of its own of the current release.',
};

export function checkCrons(crons: Readonly<Record<string, CronManifest>> | undefined): readonly Problem[] {
  return Object.entries(crons ?? {}).flatMap(([name, {schedule, timezone, command, service}]) => {
    const path = ['cron', name];
    const problems: Problem[] = [];
    const wrong = problemOfExpression(schedule);
    if (wrong !== undefined) problems.push({path: [...path, 'schedule'], message: `cron.${name}.schedule "${schedule}" can't be followed: ${wrong}`});
    if (timezone !== undefined && !isTimezone(timezone)) problems.push({path: [...path, 'timezone'], message: `cron.${name}.timezone must be a name such as Europe/Berlin or UTC, not "${timezone}"`});
    if (command === undefined && service === undefined) problems.push({path, message: `cron.${name} has nothing to run: add \`command:\`, or \`service:\` to run the command of that service`});
    return problems;
  });
}
