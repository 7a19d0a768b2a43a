import type {Command} from './command.ts';

/** Every command, in the order in which `flynn help` lists them. Loaded one by one: starting must stay fast. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./commands/up.ts')).up,
  down: async () => (await import('./commands/down.ts')).down,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  create: async () => (await import('./commands/create.ts')).create,
  apps: async () => (await import('./commands/apps.ts')).apps,
  info: async () => (await import('./commands/info.ts')).info,
  destroy: async () => (await import('./commands/destroy.ts')).destroy,
  status: async () => (await import('./commands/status.ts')).status,
  ps: async () => (await import('./commands/ps.ts')).ps,
  metrics: async () => (await import('./commands/metrics.ts')).metrics,
  logs: async () => (await import('./commands/logs.ts')).logs,
  route: async () => (await import('./commands/route.ts')).route,
  domain: async () => (await import('./commands/domain.ts')).domain,
  env: async () => (await import('./commands/env.ts')).env,
  secrets: async () => (await import('./commands/secrets.ts')).secrets,
  scale: async () => (await import('./commands/scale.ts')).scale,
  releases: async () => (await import('./commands/releases.ts')).releases,
  rollback: async () => (await import('./commands/rollback.ts')).rollback,
  deploy: async () => (await import('./commands/deploy.ts')).deploy,
  builds: async () => (await import('./commands/builds.ts')).builds,
  source: async () => (await import('./commands/source.ts')).source,
  stack: async () => (await import('./commands/stack.ts')).stack,
  maintenance: async () => (await import('./commands/maintenance.ts')).maintenance,
  history: async () => (await import('./commands/history.ts')).history,
  run: async () => (await import('./commands/run.ts')).run,
  exec: async () => (await import('./commands/exec.ts')).exec,
  restart: async () => (await import('./commands/restart.ts')).restart,
  kill: async () => (await import('./commands/kill.ts')).kill,
  suspend: async () => (await import('./commands/suspend.ts')).suspend,
  resume: async () => (await import('./commands/suspend.ts')).resume,
  cron: async () => (await import('./commands/cron.ts')).cron,
  open: async () => (await import('./commands/open.ts')).open,
  plan: async () => (await import('./commands/plan.ts')).plan,
  diff: async () => (await import('./commands/diff.ts')).diff,
  validate: async () => (await import('./commands/validate.ts')).validate,
  propose: async () => (await import('./commands/propose.ts')).propose,
  review: async () => (await import('./commands/review.ts')).review,
  approve: async () => (await import('./commands/review.ts')).approve,
  merge: async () => (await import('./commands/review.ts')).merge,
  reject: async () => (await import('./commands/review.ts')).reject,
  drains: async () => (await import('./commands/drains.ts')).drains,
  events: async () => (await import('./commands/events.ts')).events,
  audit: async () => (await import('./commands/audit.ts')).audit,
  gc: async () => (await import('./commands/gc.ts')).gc,
  confirm: async () => (await import('./commands/confirm.ts')).confirm,
  cert: async () => (await import('./commands/cert.ts')).cert,
  registry: async () => (await import('./commands/registry.ts')).registry,
  forge: async () => (await import('./commands/forge.ts')).forge,
  people: async () => (await import('./commands/people.ts')).people,
  team: async () => (await import('./commands/team.ts')).team,
  node: async () => (await import('./commands/node.ts')).node,
  codeowners: async () => (await import('./commands/codeowners.ts')).codeowners,
  quota: async () => (await import('./commands/quota.ts')).quota,
  token: async () => (await import('./commands/token.ts')).token,
  login: async () => (await import('./commands/login.ts')).login,
  logout: async () => (await import('./commands/login.ts')).logout,
  whoami: async () => (await import('./commands/whoami.ts')).whoami,
  cluster: async () => (await import('./commands/cluster.ts')).cluster,
  volume: async () => (await import('./commands/volume.ts')).volume,
  version: async () => (await import('./commands/version.ts')).version,
  completion: async () => (await import('./commands/completion.ts')).completion,
  complete: async () => (await import('./commands/complete.ts')).complete,
  'git-credential': async () => (await import('./commands/git-credential.ts')).gitCredential,
};

/** What people type who know Heroku or Flynn before this one, and what it is here. Nothing of it is listed. */
export const ALIASES: Readonly<Record<string, readonly string[]>> = {
  'config': ['env'],
  'domains': ['domain'],
  'routes': ['route'],
  'keys': ['people', 'key'],
  'delete': ['destroy'],
  'apps:create': ['create'],
  'apps:destroy': ['destroy'],
  'apps:info': ['info'],
  'apps:open': ['open'],
  'ps:scale': ['scale'],
  'ps:restart': ['restart'],
  'ps:stop': ['kill'],
  'ps:exec': ['exec'],
  'run:detached': ['run', '-d'],
  'run:inside': ['exec'],
};

/** Called by programs, not by people: not listed. */
export const HIDDEN: ReadonlySet<string> = new Set(['complete', 'git-credential']);

/** `releases:info v3`, as Heroku has it, is `releases info v3`; `domains:add` is `domain add`. */
export function inOurWords([first = '', ...rest]: readonly string[]): readonly string[] {
  if (Object.hasOwn(ALIASES, first)) return [...ALIASES[first] ?? [], ...rest];
  const [, command = '', word = ''] = /^([a-z-]+):([a-z-]+)$/.exec(first) ?? [];
  if (Object.hasOwn(COMMANDS, command)) return [command, word, ...rest];
  if (Object.hasOwn(ALIASES, command)) return [...ALIASES[command] ?? [], word, ...rest];
  return first === '' ? rest : [first, ...rest];
}
