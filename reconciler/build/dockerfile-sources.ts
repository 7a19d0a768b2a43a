import {frontendOf} from './dockerfile-features.ts';
import {escapeOf, instructionsOf, leadingOptions, type Instruction} from './dockerfile-text.ts';

/** Frontends that do what Docker's own documentation says of them. Another one may ask BuildKit for anything. */
const FRONTEND = /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/;
const CHECKSUM = /\s--checksum=sha256:[0-9a-f]{64}(?:\s|$)/;
/** A repository at a commit. */
const FIXED_GIT = /^https?:\/\/[^\s$]+\.git#[0-9a-f]{40}(?::[^\s$]*)?$/;

/**
 * Why a Dockerfile is not built, in words for the pusher; undefined when nothing speaks against it. Steps run in a network of their own, but
 * what ADD fetches from elsewhere is fetched by the engine, and so from the host's own network: its loopback, its neighbours. That is
 * allowed where it is known already what comes, by a checksum or a commit: then nothing can be learned by it.
 *
 * @param args  values for ARG lines
 */
export function forbiddenSource(text: string, args: Readonly<Record<string, string>>): string | undefined {
  for (const frontend of [frontendOf(text), args['BUILDKIT_SYNTAX']]) {
    if (frontend !== undefined && !FRONTEND.test(frontend)) return `the Dockerfile is to be read by the image "${frontend}" (a syntax line or BUILDKIT_SYNTAX), and only docker/dockerfile may do that`;
  }
  const instructions = instructionsOf(text);
  const values = valuesOf(instructions, args);
  for (const {word, rest} of instructions) {
    if (word !== 'ADD' || CHECKSUM.test(leadingOptions(rest))) continue;
    const source = sourcesOf(rest, escapeOf(text)).find((one) => mayBeRemote(one, values) && !FIXED_GIT.test(one));
    if (source !== undefined) return `ADD of "${source}" in the Dockerfile would be fetched from the host's own network: fetch it in a step (RUN curl …), or say what has to come: --checksum=sha256:…, a commit after the # of a repository`;
  }
  return undefined;
}

/** All words but the last one, which says where to. */
function sourcesOf(rest: string, escape: string): readonly string[] {
  const text = rest.slice(leadingOptions(rest).length).trim();
  const words = jsonWords(text) ?? text.split(/\s+/).map((word) => word.replaceAll(/["']/g, '').replaceAll(escape, ''));
  return words.slice(0, -1);
}

/** `["a b", "c"]` */
function jsonWords(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) ? words.map(String) : undefined;
  } catch {
    return undefined;
  }
}

/** A URL has a colon, wherever it comes from: what has none is a file. */
function mayBeRemote(source: string, values: ReadonlyMap<string, readonly string[]>): boolean {
  if (/:\/\/|^git@|^github\.com\//.test(source)) return true;
  const names = [...source.matchAll(/\$\{?(\w*)/g)].map(([, name = '']) => name);
  if (names.length === 0) return false;
  // A variable that nothing in the Dockerfile sets comes from an image, and may be anything.
  return source.includes(':') || names.some((name) => (values.get(name) ?? [':']).some((value) => /[:$]/.test(value)));
}

/** All that variables are set to, in whichever stage. */
function valuesOf(instructions: readonly Instruction[], args: Readonly<Record<string, string>>): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>(Object.entries(args).map(([name, value]) => [name, [value]]));
  const add = (name: string, value: string) => values.set(name, [...values.get(name) ?? [], value]);
  for (const {word, rest} of instructions) {
    if (word !== 'ARG' && word !== 'ENV') continue;
    const [, name, value] = /^\s*(\w+)\s+([^=]*)$/.exec(rest) ?? [];
    if (word === 'ENV' && name !== undefined && value !== undefined) add(name, value);
    for (const [, one = '', given = ''] of rest.matchAll(/(\w+)(?:=("[^"]*"|'[^']*'|\S*))?/g)) add(one, given);
  }
  return values;
}
