import type {SchemaObject} from 'ajv';

/** What one endpoint is for, what may come in and what comes out: the document says it, and what comes in is checked by it. */
export interface Operation {
  readonly tag: Tag;
  /** `Scale services`: what it does, in the imperative. */
  readonly summary: string;
  readonly description?: string;
  readonly kind: OperationKind;
  /** By name. They come as text; their types are what the text has to say. */
  readonly query?: Readonly<Record<string, SchemaObject>>;
  /** Of the JSON that comes in. Absent: there is none, or it is not looked at. */
  readonly body?: SchemaObject;
  /** A body may be left out. */
  readonly isBodyOptional?: true;
  /** What comes in is no JSON, but this media type. */
  readonly bodyType?: string;
  /** Of the JSON that goes out; of a stream, of each of its lines. Absent: what goes out is `answerType`. */
  readonly answer?: SchemaObject;
  readonly answerType?: string;
  /** Of success; the first one is the usual one. Default: 200. */
  readonly statuses?: readonly number[];
  /** The answer is as new as git, and says as which commit, for `If-Match`. */
  readonly hasEtag?: true;
  /** It is made of what a pass saw: one that has the newest commit is waited for. */
  readonly isOfPass?: true;
  /** Can be read in pages. `list`: field of the answer that is the list; absent: the answer is. `key`: fields that name one of it. */
  readonly pages?: {readonly list?: string; readonly key: readonly string[]};
  /** The same as server-sent events, for who accepts `text/event-stream`. */
  readonly hasEvents?: true;
  /** Told in lines, and a commit all the same: `Idempotency-Key` and `If-Match` mean what they mean for one, and it can be proposed. */
  readonly isRelease?: true;
  /** It takes no token. */
  readonly isOpen?: true;
}

/**
 * `question`: changes nothing. `commit`: changes what is wanted. `action`: changes something without a commit. `lines`, `written-lines`: a question, a
 * change, told in lines of JSON as it goes. `session`: a websocket.
 */
export type OperationKind = 'question' | 'commit' | 'action' | 'lines' | 'written-lines' | 'session';

export const TAGS = {
  apps: 'Apps as a whole.',
  services: 'Services of an app: what runs, how many, of which image.',
  releases: 'Releases, rollbacks, rebases, deploys of images.',
  builds: 'Builds of what was pushed, and sources that are followed elsewhere.',
  env: 'Variables and secrets. Values of secrets go in and never come out.',
  routes: 'Hosts, paths and TCP ports that lead to apps, and their certificates.',
  runs: 'Commands in containers: runs, replicas, cron jobs.',
  volumes: 'Data of apps.',
  logs: 'What apps wrote, and where it is sent on to.',
  people: 'Who may do what.',
  proposals: 'Changes that wait for others to look at them.',
  node: 'The node: status, plan, events, images, disk.',
  audit: 'Who did what.',
} as const;

export type Tag = keyof typeof TAGS;

type Rest = Omit<Operation, 'kind' | 'tag' | 'summary' | 'answer'>;

/** Endpoints by method and path, as the server has them: `GET /v1/apps/:app`. */
export type Operations = Readonly<Record<string, Operation>>;

export function question(tag: Tag, summary: string, answer: SchemaObject, rest: Rest = {}): Operation {
  return {kind: 'question', tag, summary, answer, ...rest};
}

export function commit(tag: Tag, summary: string, answer: SchemaObject, rest: Rest = {}): Operation {
  return {kind: 'commit', tag, summary, answer, ...rest};
}

export function action(tag: Tag, summary: string, answer: SchemaObject, rest: Rest = {}): Operation {
  return {kind: 'action', tag, summary, answer, ...rest};
}

/** `line`: of each line but the last, which says how it ended. */
export function lines(tag: Tag, summary: string, line: SchemaObject, rest: Rest = {}): Operation {
  return {kind: 'lines', tag, summary, answer: line, ...rest};
}

export function writtenLines(tag: Tag, summary: string, line: SchemaObject, rest: Rest = {}): Operation {
  return {kind: 'written-lines', tag, summary, answer: line, ...rest};
}
