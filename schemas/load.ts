import {createHash} from 'node:crypto';
import {Ajv} from 'ajv';
import {isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar, visit, type Document, type YAMLError} from 'yaml';
import {appSchema, checkApp, type AppManifest} from './app.ts';
import {certificateSchema, checkCertificate, type CertificateManifest} from './certificate.ts';
import {checkCluster, clusterSchema, type ClusterManifest} from './cluster.ts';
import type {Diagnostic} from './diagnostic.ts';
import {wrongEntries} from './entries.ts';
import {explain, isRepetition, pointerOf} from './explain.ts';
import {checkNode, nodeSchema, type NodeManifest} from './node.ts';
import {offsetOf} from './position.ts';
import {checkPerson, personSchema, type PersonManifest} from './person.ts';
import {Remembered} from './remembered.ts';
import {releaseSchema, type ReleaseManifest} from './release.ts';
import {fail, ok, type Result} from './result.ts';
import type {Problem} from './schema.ts';
import {checkSecrets, secretsSchema, type SecretsManifest} from './secrets.ts';
import {teamSchema, type TeamManifest} from './team.ts';
import {HALF_CHARACTER} from './variables.ts';

/** Every kind of manifest, and the type of what is read from it. */
export interface Manifests {
  readonly App: AppManifest;
  readonly Certificate: CertificateManifest;
  readonly Cluster: ClusterManifest;
  readonly Node: NodeManifest;
  readonly Person: PersonManifest;
  readonly Release: ReleaseManifest;
  readonly Secrets: SecretsManifest;
  readonly Team: TeamManifest;
}

export type Kind = keyof Manifests;

export const SCHEMAS = {App: appSchema, Certificate: certificateSchema, Cluster: clusterSchema, Node: nodeSchema, Person: personSchema, Release: releaseSchema, Secrets: secretsSchema, Team: teamSchema} as const;

/** What a schema can't say. Run only on manifests that the schema accepts. */
const CHECKS: {readonly [K in Kind]: (manifest: Manifests[K]) => readonly Problem[]} = {
  App: checkApp,
  Certificate: checkCertificate,
  Cluster: checkCluster,
  Node: checkNode,
  Person: checkPerson,
  Release: () => [],
  Secrets: checkSecrets,
  Team: () => [],
};

/** Larger files are refused unread: a hundred times of what people write. */
export const MANIFEST_BYTES_MAX = 256 * 1024;

/** Of one manifest. */
const LINES_MAX = 10_000;

/** Values that aliases may expand to: enough for sharing, too few for a bomb. */
const ALIAS_COUNT_MAX = 100;

/** Problems told of one file: the rest would only scroll the first away. */
const PROBLEMS_MAX = 50;
/** Of one problem, in characters: a file may repeat one sign a hundred thousand times, and the parser tells all of them. */
const MESSAGE_LENGTH_MAX = 1000;
/** Of those that Ajv has, in its order, so many are put at their places. */
const LOOKED_AT_MAX = 500;

const ajv = new Ajv({allErrors: true, strict: true, allowUnionTypes: true, strictRequired: false, verbose: true});
ajv.addKeyword('errorMessage');
for (const kind of Object.keys(SCHEMAS) as Kind[]) ajv.addSchema(SCHEMAS[kind], kind); // compiled when first used

/** Of the manifests that were read last, in characters: one commit asks for the same file from several sides, and the next one has nearly all of them. */
const REMEMBERED_LENGTH_MAX = 1024 * 1024;
const remembered = new Remembered<Result<Manifests[Kind], readonly Diagnostic[]>>(REMEMBERED_LENGTH_MAX);

/** Longer texts, in characters, are known again by their hash: some are made to take the parser seconds, which must not be so once for each side that asks. */
const LONG_LENGTH_MIN = 31 * 1024;
/** The last nine or so. */
const rememberedLong = new Remembered<Result<Manifests[Kind], readonly Diagnostic[]>>(1024);

/**
 * Reads one manifest. Pure: the caller has already read the file; `file` is only named in diagnostics.
 *
 * Reports every problem, not the first, each at the place in the file that its owner has to change.
 */
export function loadManifest<K extends Kind>(kind: K, file: string, text: string): Result<Manifests[K], readonly Diagnostic[]> {
  const isLong = text.length >= LONG_LENGTH_MIN;
  const key = `${kind}\0${file}\0${isLong ? createHash('sha256').update(text).digest('hex') : text}`;
  // What is remembered under a kind is of that kind.
  return (isLong ? rememberedLong : remembered).get(key, () => load(kind, file, text)) as Result<Manifests[K], readonly Diagnostic[]>;
}

function load<K extends Kind>(kind: K, file: string, text: string): Result<Manifests[K], readonly Diagnostic[]> {
  const parsed = parse(file, text);
  if (!parsed.ok) return parsed;
  const {document, lines} = parsed.value;
  const tell = (problems: readonly {readonly offset: number; readonly message: string}[]) => {
    const sorted = problems.toSorted((a, b) => a.offset - b.offset).slice(0, PROBLEMS_MAX);
    return fail(sorted.map(({offset, message}) => at(file, lines, offset, message)));
  };

  const wrong = notTexts(document);
  if (wrong.length > 0) return tell(wrong);
  if (document.contents === null) return tell([{offset: 0, message: `is empty: the first lines should be "apiVersion: flynn/v1" and "kind: ${kind}"`}]);
  if (kind === 'App') keepTextAsWritten(document);
  const value = valueOf(document);
  if (!value.ok) return tell([{offset: 0, message: value.problem}]);

  const validate = ajv.getSchema(kind);
  if (validate === undefined) throw new Error(`bug: no schema for ${kind}`);
  if (!validate(value.value)) {
    const errors = (validate.errors ?? []).filter((error) => !isRepetition(error)).slice(0, LOOKED_AT_MAX);
    return tell(unique(errors.map((error) => ({offset: offsetOf(document, ...pointerOf(error)), message: explain(error, kind)}))));
  }
  const manifest = value.value as Manifests[K]; // the schema is typed as this kind's
  const problems = CHECKS[kind](manifest);
  return problems.length > 0 ? tell(problems.map(({path, message}) => ({offset: offsetOf(document, path), message}))) : ok(manifest);
}

/** Puts problems that were found later, for example between two files, at their places: the first ones. For a text that `loadManifest` accepts. */
export function locate(problems: readonly Problem[], file: string, text: string): readonly Diagnostic[] {
  const told = problems.slice(0, PROBLEMS_MAX);
  // Once for all: for each of a thousand routes it would take minutes.
  const parsed = told.length === 0 ? undefined : parse(file, text);
  return told.map(({path, message}) => (parsed?.ok === true ? at(file, parsed.value.lines, offsetOf(parsed.value.document, path), message) : {file, line: 1, column: 1, message}));
}

function parse(file: string, text: string): Result<{document: Document; lines: LineCounter}, readonly Diagnostic[]> {
  if (Buffer.byteLength(text) > MANIFEST_BYTES_MAX) {
    return fail([{file, line: 1, column: 1, message: `is larger than ${MANIFEST_BYTES_MAX / 1024} KiB`}]);
  }
  // Comments and errors of a hundred thousand lines take the parser seconds.
  if (text.split('\n', LINES_MAX + 1).length > LINES_MAX) return fail([{file, line: LINES_MAX, column: 1, message: `has more than ${LINES_MAX} lines`}]);
  const lines = new LineCounter();
  const document = parseDocument(text, {lineCounter: lines, prettyErrors: false, uniqueKeys: false});
  // A warning is for example an unknown tag: its value would not be what its author meant.
  const errors: readonly YAMLError[] = [...document.errors, ...document.warnings];
  const wrong = wrongEntries(document);
  if (errors.length === 0 && wrong.length === 0) return ok({document, lines});
  // The parser recurses, and tells of each level that it gave up on.
  const overflow = errors.find(({message}) => /call stack|stack overflow/i.test(message));
  if (overflow !== undefined) return fail([at(file, lines, overflow.pos[0], 'is nested too deeply')]);
  const all = [...errors.slice(0, PROBLEMS_MAX).map((error) => ({offset: error.pos[0], message: explainYaml(error)})), ...wrong].toSorted((a, b) => a.offset - b.offset);
  return fail(all.slice(0, PROBLEMS_MAX).map(({offset, message}) => at(file, lines, offset, message)));
}

/** Aliases to nothing, which were meant as text nearly always (`host: *.example.com`), and texts that are none: the engine can't be asked for these. */
function notTexts(document: Document): readonly {readonly offset: number; readonly message: string}[] {
  const found: {offset: number; message: string}[] = [];
  const anchors = new Set<string>();
  // In the order of the file.
  visit(document, {
    Value(_key, node) {
      if (node.anchor !== undefined) anchors.add(node.anchor);
      if (isScalar(node) && typeof node.value === 'string' && !node.value.isWellFormed()) found.push({offset: node.range?.[0] ?? 0, message: `has ${HALF_CHARACTER}`});
    },
    Alias(_key, {source, range}) {
      if (!anchors.has(source)) found.push({offset: range?.[0] ?? 0, message: `"*${source}" has to be in quotes: without them YAML takes it for an alias, and there is no anchor "&${source}" before it`});
    },
  });
  return found;
}

function valueOf(document: Document): Result<unknown, string> {
  try {
    return ok(document.toJS({maxAliasCount: ALIAS_COUNT_MAX}));
  } catch (error) {
    // What yaml throws for an alias bomb and for an alias to nothing.
    if (error instanceof ReferenceError) return fail(`has an alias that can't be expanded: ${error.message}`);
    throw error;
  }
}

function at(file: string, lines: LineCounter, offset: number, message: string): Diagnostic {
  const {line, col} = lines.linePos(offset);
  const told = message.length > MESSAGE_LENGTH_MAX ? `${message.slice(0, MESSAGE_LENGTH_MAX)}…` : message;
  return {file, line: Math.max(line, 1), column: Math.max(col, 1), message: told};
}

function explainYaml({code, message}: YAMLError): string {
  if (code === 'BAD_ALIAS') return `${message.slice(0, 1).toLowerCase()}${message.slice(1)}: a text that begins with * has to be in quotes, such as "*"`;
  if (code === 'TAB_AS_INDENT') return 'a tab indents this line: YAML wants spaces';
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here: write one manifest per file';
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}

/**
 * Makes text of the numbers and booleans in `env`, in the build's `args` and in the conditions of routes, as they stand in the file: `VERSION: 1.10` is
 * "1.10", not "1.1".
 */
function keepTextAsWritten(document: Document): void {
  const member = (owner: unknown, name: string) => (isMap(owner) ? resolve(document, owner.get(name, true)) : undefined);
  const services = member(document.contents, 'services');
  const owners = [document.contents, ...(isMap(services) ? services.items.map((pair) => resolve(document, pair.value)) : [])];
  const routes = member(document.contents, 'routes');
  const conditions = isSeq(routes) ? routes.items.map((route) => member(resolve(document, route), 'when')) : [];
  for (const texts of [
    ...owners.map((owner) => member(owner, 'env')),
    member(member(document.contents, 'build'), 'args'),
    ...conditions.flatMap((when) => ['header', 'cookie', 'query'].map((name) => member(when, name))),
  ]) {
    if (!isMap(texts)) continue;
    for (const pair of texts.items) {
      const value = resolve(document, pair.value);
      if (!isScalar(value) || value.source === undefined || !['number', 'boolean', 'bigint'].includes(typeof value.value)) continue;
      const text = new Scalar(value.source);
      text.range = value.range ?? null;
      pair.value = text;
    }
  }
}

function resolve(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function unique<T extends {readonly offset: number; readonly message: string}>(problems: readonly T[]): readonly T[] {
  return [...new Map(problems.map((problem) => [`${problem.offset} ${problem.message}`, problem])).values()];
}

