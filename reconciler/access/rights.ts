import type {Role} from '../../schemas/roles.ts';

/** What it takes to do something. */
export interface Rule {
  /** `app`: a role for that app, or for the whole cluster. `any`: for whatever app. `self`: to be somebody is enough. */
  readonly on: 'app' | 'cluster' | 'any' | 'self';
  /** The lowest one. */
  readonly role: Role;
  /** Follows "may not", and tells people what they were kept from. */
  readonly words: string;
}

const app = (role: Role, words: string): Rule => ({on: 'app', role, words});
const cluster = (role: Role, words: string): Rule => ({on: 'cluster', role, words});

/**
 * Who may do what: the one table that the API, pushes of apps and pushes to the cluster repository ask. Each role may also do what those
 * below it may.
 */
export const RIGHTS = {
  'self.read': {on: 'self', role: 'viewer', words: 'ask who they are'},
  'self.tokens': {on: 'self', role: 'viewer', words: 'make tokens of their own'},
  'cluster.look': {on: 'any', role: 'viewer', words: 'look at the cluster'},
  'cluster.clone': {on: 'any', role: 'viewer', words: 'read the cluster repository'},
  'cluster.propose': {on: 'any', role: 'deployer', words: 'propose changes, and push branches to the cluster repository'},
  'cluster.review': {on: 'any', role: 'deployer', words: 'approve proposals'},
  'cluster.merge': {on: 'any', role: 'deployer', words: 'merge proposals'},

  'app.read': app('viewer', 'see the app'),
  'app.logs': app('viewer', 'read its logs'),
  'app.push': app('deployer', 'push its source'),
  'app.deploy': app('deployer', 'deploy it'),
  'app.rollback': app('deployer', 'roll it back'),
  'app.scale': app('deployer', 'scale it'),
  'app.restart': app('deployer', 'restart it'),
  'app.env.read': app('deployer', 'read its environment'),
  'app.env.write': app('maintainer', 'change its environment or secrets'),
  'app.run': app('maintainer', 'run commands in it'),
  'app.route': app('maintainer', 'change its routes'),
  'app.data': app('maintainer', "back up or restore its volumes"),
  'app.edit': app('maintainer', 'change its app.yaml'),
  'app.create': cluster('maintainer', 'create apps'),
  'app.destroy': cluster('maintainer', 'destroy apps'),

  'cluster.plan': cluster('viewer', 'see the plan of the whole cluster'),
  'cluster.operate': cluster('admin', 'operate the nodes'),
  'cluster.edit': cluster('admin', 'change files that hold for the whole cluster'),
  'people.read': cluster('viewer', 'see who uses the cluster'),
  'people.edit': cluster('admin', 'change people and teams'),
  'audit.read': cluster('admin', 'read the audit log'),
} as const satisfies Readonly<Record<string, Rule>>;

export type Right = keyof typeof RIGHTS;
