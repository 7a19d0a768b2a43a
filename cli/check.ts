import {lookup} from 'node:dns/promises';
import type {OidcAnswer} from '../reconciler/api/answers.ts';
import type {CertificateStatus} from '../reconciler/node.ts';
import type {CommitSigning, NodeStatus} from '../reconciler/status/status.ts';
import {Failure} from './command.ts';
import {age} from './output/time.ts';

/** One thing that `flynn doctor` has looked at. */
export interface Check {
  readonly what: string;
  readonly state: 'good' | 'warning' | 'bad';
  /** How it is, in a few words. */
  readonly says: string;
  /** What to do about it, a line each. */
  readonly advice?: readonly string[];
}

/** Passes come every few seconds, and after a slow remote repository within a minute. */
const SUCCESS_MS_MAX = 5 * 60_000;
/** Logs and certificates tell a story that is out of order from here on. */
const CLOCK_MS_MAX = 5000;
const HOUR_MS = 60 * 60_000;
/** Left of a certificate that should have been renewed long before. */
const ENDING_MS = 48 * HOUR_MS;
/** Apps and hosts that are told of one by one. */
const TOLD_MAX = 10;

/** What the cluster says of itself. */
export function clusterChecks({status, certificates, nowMs}: {readonly status: NodeStatus; readonly certificates?: readonly CertificateStatus[]; readonly nowMs: number}): readonly Check[] {
  const {lastSuccessfulPassAt, revision, conditions, apps, commits} = status;
  const isLate = lastSuccessfulPassAt === undefined || nowMs - Date.parse(lastSuccessfulPassAt) > SUCCESS_MS_MAX;
  const stalled = conditions.filter(({type, status: isSo}) => type === 'Stalled' && isSo);
  const [sickApps, sickHosts] = [apps.filter((app) => app.conditions.some(({type, status: isSo}) => type === 'Stalled' && isSo)), (certificates ?? []).filter(({problem}) => problem !== undefined)];
  const ending = endingSoon(certificates ?? [], nowMs);
  return [
    isLate
      ? {what: 'Passes', state: 'bad', says: lastSuccessfulPassAt === undefined ? 'none has succeeded since it was started' : `none has succeeded for ${age(lastSuccessfulPassAt, nowMs)}`, advice: ['see why: flynn status, flynn events']}
      : {what: 'Passes', state: 'good', says: `the last one succeeded ${age(lastSuccessfulPassAt, nowMs)} ago`},
    ...(stalled.length === 0 ? [{what: 'Repository', state: 'good' as const, says: revision ?? 'nothing was applied yet'}] : stalled.map(({reason, message}): Check => ({what: 'Node', state: 'bad', says: `${reason}: ${message}`, advice: ['see: flynn status']}))),
    ...(commits === undefined ? [] : [signingCheck(commits, status.node)]),
    ...sickApps.slice(0, TOLD_MAX).map((app): Check => ({what: 'App', state: 'bad', says: `${app.name}: ${app.conditions.find(({type}) => type === 'Stalled')?.message ?? ''}`, advice: [`see: flynn status ${app.name}`]})),
    ...(sickApps.length === 0 ? [{what: 'Apps', state: 'good' as const, says: `${apps.length}, none of them stalled`}] : more('Apps', sickApps.length)),
    ...sickHosts.slice(0, TOLD_MAX).map(({host, problem = ''}): Check => ({what: 'Certificate', state: 'warning', says: `${host}: ${problem}`, advice: ['see: flynn cert']})),
    ...ending,
    ...(certificates === undefined || ending.length > 0 ? [] : sickHosts.length === 0 ? [{what: 'Certificates', state: 'good' as const, says: [`${certificates.length}, nothing to do`, ...nextEnd(certificates, nowMs)].join('; ')}] : more('Certificates', sickHosts.length)),
  ];
}

/** Who people are is asked there; tokens of the cluster need nobody. */
export function issuerChecks(issuers: OidcAnswer['issuers']): readonly Check[] {
  return issuers.map(({issuer, keys = 0, problem}): Check => (problem === undefined
    ? {what: 'Sign-in', state: 'good', says: `${issuer} answers, and signs with ${keys} ${keys === 1 ? 'key' : 'keys'}`}
    : {what: 'Sign-in', state: 'warning', says: `${issuer}: ${problem}`, advice: ['who comes with its tokens does not get in when its keys are not known, or are older than a day', 'the node asks it: see that it can be reached from there, and that cluster.yaml and people/ name it as it names itself']}));
}

/** How far the node's clock is from this machine's. `dateMs`: what the node said between two moments of ours; its header has whole seconds. */
export function clockCheck({dateMs, beganMs, endedMs}: {readonly dateMs: number; readonly beganMs: number; readonly endedMs: number}): Check {
  const offMs = dateMs > endedMs ? dateMs - endedMs : Math.min(0, dateMs + 1000 - beganMs);
  if (Math.abs(offMs) <= CLOCK_MS_MAX) return {what: 'Clock', state: 'good', says: "the node's and this machine's agree"};
  return {what: 'Clock', state: 'warning', says: `the node's is ${Math.round(Math.abs(offMs) / 1000)} s ${offMs > 0 ? 'ahead of' : 'behind'} this machine's`, advice: ['let both follow a time server (chrony, systemd-timesyncd)', 'tokens expire, certificates are renewed and commands with a schedule run by the clock of the node']};
}

/** Those of the router's own authority live for hours, and are renewed without anybody. */
function lasting(certificates: readonly CertificateStatus[]): readonly (CertificateStatus & {readonly endMs: number})[] {
  return certificates.flatMap((one) => (one.source === 'internal' || one.notAfter === undefined ? [] : [{...one, endMs: Date.parse(one.notAfter)}])).toSorted((a, b) => a.endMs - b.endMs);
}

/** Renewal has had its time by then, and nothing was told of. */
function endingSoon(certificates: readonly CertificateStatus[], nowMs: number): readonly Check[] {
  return lasting(certificates).filter(({endMs, problem}) => problem === undefined && endMs - nowMs < ENDING_MS).slice(0, TOLD_MAX).map(({host, endMs}): Check => ({
    what: 'Certificate', state: endMs <= nowMs ? 'bad' : 'warning', says: `${host}: ${endMs <= nowMs ? 'has ended' : `ends in ${Math.floor((endMs - nowMs) / HOUR_MS)} hours`}`, advice: ['order it once more: flynn cert retry <host>', 'one of your own: flynn cert add'],
  }));
}

function nextEnd(certificates: readonly CertificateStatus[], nowMs: number): readonly string[] {
  const [next] = lasting(certificates);
  return next === undefined ? [] : [`the first one to end is that of ${next.host}, in ${Math.floor((next.endMs - nowMs) / (24 * HOUR_MS))} days`];
}

/** Without its key in git a node can't commit releases where commits have to be signed. */
function signingCheck({isRequired, isNodeKeyKnown, nodeKey}: CommitSigning, node: string): Check {
  const says = `commits ${isRequired ? 'have to' : 'need not'} be signed; this node's own are`;
  const advice = [`write into nodes/${node}.yaml: signingKey: ${nodeKey}`];
  if (isNodeKeyKnown) return {what: 'Signatures', state: 'good', says};
  return {what: 'Signatures', state: isRequired ? 'bad' : 'good', says: `${says}, by a key that git does not have`, advice};
}

/** Whether hosts below the cluster's domain are found; names below `localhost` need no DNS. */
export async function domainCheck(domain: string, find: (host: string) => Promise<{readonly address: string}> = (host) => lookup(host)): Promise<Check> {
  if (domain === 'localhost' || domain.endsWith('.localhost')) return {what: 'DNS', state: 'good', says: `${domain} is this machine, without DNS`};
  const host = `any-app.${domain}`;
  try {
    return {what: 'DNS', state: 'good', says: `*.${domain} is ${(await find(host)).address}`};
  } catch (error) {
    return {what: 'DNS', state: 'bad', says: `${host} is not found (${(error as NodeJS.ErrnoException).code ?? String(error)})`, advice: [`the zone needs a record: *.${domain}  A  <address of the node>`]};
  }
}

/** A check by something that throws `Failure` when it is not so. `otherwise`: what it means when there is no answer. */
export async function checkBy(what: string, look: () => Promise<string | undefined>, otherwise: Omit<Check, 'what'> = {state: 'bad', says: 'not there', advice: ['flynn up']}): Promise<Check> {
  try {
    const says = await look();
    return says === undefined ? {what, ...otherwise} : {what, state: 'good', says};
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return {what, state: 'bad', says: error.message, advice: error.advice};
  }
}

function more(what: string, count: number): readonly Check[] {
  return count > TOLD_MAX ? [{what, state: 'warning', says: `and ${count - TOLD_MAX} more`}] : [];
}
