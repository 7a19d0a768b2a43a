import {fail, ok, type Result} from '../../../schemas/result.ts';
import {BuildRefused} from '../refused.ts';
import {readToml, writeToml, type Table} from './toml.ts';

/** One of the things that a buildpack says in `bin/detect` it could do: what it would bring, and what it would need. */
export interface Offer {
  readonly provides: readonly string[];
  readonly requires: readonly Requirement[];
}

export interface Requirement {
  readonly name: string;
  /** For the buildpack that provides it. */
  readonly metadata?: unknown;
}

/** A buildpack whose `bin/detect` passed. */
export interface Detected {
  readonly id: string;
  readonly isOptional: boolean;
  /** Tried in this order, at least one. */
  readonly offers: readonly Offer[];
}

/** What some of the group need, and who provides it. */
export interface PlanEntry {
  readonly name: string;
  readonly providers: readonly string[];
  readonly requires: readonly Requirement[];
}

export interface ResolvedGroup {
  /** Ids, in the group's order: optional ones that are of no use are left out. */
  readonly participants: readonly string[];
  readonly entries: readonly PlanEntry[];
}

/** Combinations of offers that are tried before a group is given up. */
const TRIALS_MAX = 10_000;

/** Reads what `bin/detect` wrote to the build plan: the offer at the top, then those under `or`. */
export function readBuildPlan(text: string, where: string): readonly Offer[] {
  const root = readToml(text, where);
  return [root, ...root.tables('or')].map(table => ({
    provides: table.tables('provides').map(provided => nameOf(provided, where)),
    requires: table.tables('requires').map(required => {
      if (required.has('version')) throw new BuildRefused(`${where}: "requires.version" is not supported, expected "version" in [requires.metadata]`);
      return {name: nameOf(required, where), ...(required.has('metadata') && {metadata: required.value('metadata')})};
    }),
  }));
}

/**
 * The first combination of offers, left to right and depth first, in which everything that is required is provided by the same buildpack or
 * one before it, and everything provided is required by the same one or one after it (Buildpack API, "Phase #1: Detection"). The problem is
 * that of the last combination.
 */
export function resolvePlan(group: readonly Detected[]): Result<ResolvedGroup, string> {
  let problem = 'no buildpack of the group takes part';
  let trials = 0;
  for (const trial of trialsOf(group)) {
    trials += 1;
    if (trials > TRIALS_MAX) return fail(`more than ${TRIALS_MAX} combinations of what buildpacks offer`);
    const resolved = resolveTrial(trial);
    if (resolved.ok) return resolved;
    problem = resolved.problem;
  }
  return fail(problem);
}

/** What a buildpack is to provide, in the TOML that its `bin/build` reads. */
export function buildpackPlan(entries: readonly PlanEntry[], id: string): {readonly toml: string; readonly names: readonly string[]} {
  const requires = entries.filter(({providers}) => providers.includes(id)).flatMap(entry => entry.requires);
  return {
    toml: requires.length === 0 ? '' : writeToml({entries: requires.map(({name, metadata}) => ({name, ...(metadata !== undefined && {metadata})}))}),
    names: [...new Set(requires.map(({name}) => name))],
  };
}

/** What is left for later buildpacks: all but what one was asked for and did not call unmet. */
export function remainingPlan(entries: readonly PlanEntry[], {asked, unmet}: {asked: readonly string[]; unmet: readonly string[]}): readonly PlanEntry[] {
  return entries.filter(({name}) => !asked.includes(name) || unmet.includes(name));
}

/** Names in `build.toml` of what a buildpack did not provide after all. */
export function readUnmet(text: string, {where, asked}: {where: string; asked: readonly string[]}): readonly string[] {
  const names = readToml(text, where).tables('unmet').map(entry => nameOf(entry, where));
  const stray = names.find(name => !asked.includes(name));
  if (stray !== undefined) throw new BuildRefused(`${where}: unmet "${stray}" was not asked of this buildpack, expected one of ${asked.join(', ') || '(none)'}`);
  return names;
}

interface Option extends Offer {
  readonly id: string;
  readonly isOptional: boolean;
}

type Trial = readonly Option[];

function* trialsOf([first, ...rest]: readonly Detected[], before: Trial = []): Generator<Trial> {
  if (first === undefined) return yield before;
  for (const [index, offer] of first.offers.entries()) {
    // A buildpack that may stay out does so only when none of its offers is of use.
    const isOptional = first.isOptional && index === first.offers.length - 1;
    yield* trialsOf(rest, [...before, {...offer, id: first.id, isOptional}]);
  }
}

/** Takes optional buildpacks out until nothing is missing and nothing is of no use. */
function resolveTrial(trial: Trial): Result<ResolvedGroup, string> {
  let left = trial;
  for (;;) {
    const dependencies = dependenciesOf(left);
    const odd = [
      ...dependencies.flatMap(({name, early}) => early.map(option => ({option, problem: `"${option.id}" requires "${name}", which neither it nor a buildpack before it provides`}))),
      ...dependencies.flatMap(({name, unused}) => unused.map(option => ({option, problem: `"${option.id}" provides "${name}", which neither it nor a buildpack after it requires`}))),
    ];
    const fatal = odd.find(({option}) => !option.isOptional);
    if (fatal) return fail(fatal.problem);
    const out = new Set(odd.map(({option}) => option));
    if (out.size === 0) {
      if (left.length === 0) return fail('no buildpack of the group takes part');
      return ok({participants: left.map(({id}) => id), entries: dependencies.map(({name, providers, requires}) => ({name, providers: providers.map(({id}) => id), requires}))});
    }
    left = left.filter(option => !out.has(option));
  }
}

interface Dependency {
  readonly name: string;
  readonly providers: Option[];
  readonly requires: Requirement[];
  /** Provided so far, and not required since. */
  unused: Option[];
  /** Required it when nobody had provided it yet. */
  readonly early: Option[];
}

function dependenciesOf(trial: Trial): readonly Dependency[] {
  const found = new Map<string, Dependency>();
  const named = (name: string): Dependency => {
    const dependency = found.get(name) ?? {name, providers: [], requires: [], unused: [], early: []};
    found.set(name, dependency);
    return dependency;
  };
  for (const option of trial) {
    for (const name of option.provides) named(name).unused.push(option);
    for (const requirement of option.requires) {
      const dependency = named(requirement.name);
      dependency.providers.push(...dependency.unused);
      dependency.unused = [];
      if (dependency.providers.length === 0) dependency.early.push(option);
      else dependency.requires.push(requirement);
    }
  }
  return [...found.values()];
}

function nameOf(table: Table, where: string): string {
  const name = table.text('name');
  if (!name) throw new BuildRefused(`${where}: an entry has no "name"`);
  return name;
}
