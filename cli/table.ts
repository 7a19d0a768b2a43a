import type {Command} from './command.ts';

/** Every command, by what it is about, in the order in which `flynn help` lists them. Loaded one by one: starting must stay fast. */
export const TOPICS: Readonly<Record<string, Readonly<Record<string, () => Promise<Command>>>>> = {
  'Nodes and the cluster': {
    up: async () => (await import('./commands/up.ts')).up,
    down: async () => (await import('./commands/down.ts')).down,
    doctor: async () => (await import('./commands/doctor.ts')).doctor,
    cluster: async () => (await import('./commands/cluster.ts')).cluster,
    node: async () => (await import('./commands/node.ts')).node,
    stack: async () => (await import('./commands/stack.ts')).stack,
    registry: async () => (await import('./commands/registry.ts')).registry,
    forge: async () => (await import('./commands/forge.ts')).forge,
    gc: async () => (await import('./commands/gc.ts')).gc,
  },
  Apps: {
    create: async () => (await import('./commands/create.ts')).create,
    apps: async () => (await import('./commands/apps.ts')).apps,
    info: async () => (await import('./commands/info.ts')).info,
    open: async () => (await import('./commands/open.ts')).open,
    status: async () => (await import('./commands/status.ts')).status,
    ps: async () => (await import('./commands/ps.ts')).ps,
    logs: async () => (await import('./commands/logs.ts')).logs,
    metrics: async () => (await import('./commands/metrics.ts')).metrics,
    events: async () => (await import('./commands/events.ts')).events,
    rename: async () => (await import('./commands/rename.ts')).rename,
    destroy: async () => (await import('./commands/destroy.ts')).destroy,
  },
  'What runs': {
    scale: async () => (await import('./commands/scale.ts')).scale,
    restart: async () => (await import('./commands/restart.ts')).restart,
    kill: async () => (await import('./commands/kill.ts')).kill,
    run: async () => (await import('./commands/run.ts')).run,
    exec: async () => (await import('./commands/exec.ts')).exec,
    cron: async () => (await import('./commands/cron.ts')).cron,
    maintenance: async () => (await import('./commands/maintenance.ts')).maintenance,
    suspend: async () => (await import('./commands/suspend.ts')).suspend,
    resume: async () => (await import('./commands/suspend.ts')).resume,
  },
  'What apps are given': {
    env: async () => (await import('./commands/env.ts')).env,
    secrets: async () => (await import('./commands/secrets.ts')).secrets,
    route: async () => (await import('./commands/route.ts')).route,
    domain: async () => (await import('./commands/domain.ts')).domain,
    cert: async () => (await import('./commands/cert.ts')).cert,
    volume: async () => (await import('./commands/volume.ts')).volume,
    drains: async () => (await import('./commands/drains.ts')).drains,
  },
  Deploys: {
    deploy: async () => (await import('./commands/deploy.ts')).deploy,
    builds: async () => (await import('./commands/builds.ts')).builds,
    releases: async () => (await import('./commands/releases.ts')).releases,
    rollback: async () => (await import('./commands/rollback.ts')).rollback,
    source: async () => (await import('./commands/source.ts')).source,
    history: async () => (await import('./commands/history.ts')).history,
  },
  'Changes, and who looks at them': {
    plan: async () => (await import('./commands/plan.ts')).plan,
    diff: async () => (await import('./commands/diff.ts')).diff,
    validate: async () => (await import('./commands/validate.ts')).validate,
    propose: async () => (await import('./commands/propose.ts')).propose,
    review: async () => (await import('./commands/review.ts')).review,
    approve: async () => (await import('./commands/review.ts')).approve,
    merge: async () => (await import('./commands/review.ts')).merge,
    reject: async () => (await import('./commands/review.ts')).reject,
    confirm: async () => (await import('./commands/confirm.ts')).confirm,
  },
  People: {
    people: async () => (await import('./commands/people.ts')).people,
    team: async () => (await import('./commands/team.ts')).team,
    token: async () => (await import('./commands/token.ts')).token,
    oidc: async () => (await import('./commands/oidc.ts')).oidc,
    login: async () => (await import('./commands/login.ts')).login,
    logout: async () => (await import('./commands/login.ts')).logout,
    whoami: async () => (await import('./commands/whoami.ts')).whoami,
    quota: async () => (await import('./commands/quota.ts')).quota,
    codeowners: async () => (await import('./commands/codeowners.ts')).codeowners,
    audit: async () => (await import('./commands/audit.ts')).audit,
  },
  'This program': {
    version: async () => (await import('./commands/version.ts')).version,
    completion: async () => (await import('./commands/completion.ts')).completion,
  },
};

const UNLISTED: Readonly<Record<string, () => Promise<Command>>> = {
  resource: async () => (await import('./commands/resource.ts')).resource,
  provider: async () => (await import('./commands/resource.ts')).provider,
  complete: async () => (await import('./commands/complete.ts')).complete,
  'git-credential': async () => (await import('./commands/git-credential.ts')).gitCredential,
};

/** By name. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = Object.assign({}, ...Object.values(TOPICS), UNLISTED);

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
  'apps:rename': ['rename'],
  'ps:scale': ['scale'],
  'ps:restart': ['restart'],
  'ps:stop': ['kill'],
  'ps:exec': ['exec'],
  'run:detached': ['run', '-d'],
  'run:inside': ['exec'],
  'addons': ['resource'],
  'pg': ['resource'],
  'mysql': ['resource'],
  'redis': ['resource'],
  'mongodb': ['resource'],
};

/** Called by programs, or of a later version: not listed. */
export const HIDDEN: ReadonlySet<string> = new Set(Object.keys(UNLISTED));

/** `apps rename` is `rename`; `releases:info v3`, as Heroku has it, is `releases info v3`; `domains:add` is `domain add`. */
export function inOurWords([first = '', ...rest]: readonly string[]): readonly string[] {
  if (Object.hasOwn(ALIASES, first)) return [...ALIASES[first] ?? [], ...rest];
  if (first === 'apps' && Object.hasOwn(ALIASES, `apps:${rest[0]}`)) return inOurWords([`apps:${rest[0]}`, ...rest.slice(1)]);
  const [, command = '', word = ''] = /^([a-z-]+):([a-z-]+)$/.exec(first) ?? [];
  if (Object.hasOwn(COMMANDS, command)) return [command, word, ...rest];
  if (Object.hasOwn(ALIASES, command)) return [...ALIASES[command] ?? [], word, ...rest];
  return first === '' ? rest : [first, ...rest];
}
