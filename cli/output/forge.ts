import type {ForgeAnswer} from '../../reconciler/api/answers.ts';
import {age} from './time.ts';

/** The forge, and how it goes with it. */
export function formatForge({kind, url, repository, hasHook}: NonNullable<ForgeAnswer['forge']>, state: ForgeAnswer['state'], nowMs: number): readonly string[] {
  const name = `${kind}  ${state?.url ?? url ?? ''}${state === undefined && url === undefined ? '' : '/'}${repository}`;
  if (state === undefined) return [name, '  nobody there is told anything: the cluster repository is on this node'];
  const {changes, lookedAt, problem} = state;
  return [
    name,
    `  ${changes} open ${changes === 1 ? 'pull request has' : 'pull requests have'} a plan`,
    `  looked  ${lookedAt === undefined ? 'not yet' : `${age(lookedAt, nowMs)} ago`}${hasHook ? '; a webhook tells when' : ''}`,
    ...(problem === undefined ? [] : [`  problem  ${problem}`]),
  ];
}
