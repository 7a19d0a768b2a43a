import path from 'node:path';
import type {AppId} from '../schemas/ids.ts';

/** Where everything is on a node's disk, below the data directory. Nothing else writes there. */
export interface Layout {
  readonly root: string;
  /** YAML: what `flynn up` was told (`NodeSettings`), so that the next start needs no flags. */
  readonly settings: string;
  /** The operator's token, mode 0600. */
  readonly token: string;
  /** What this node signs its commits with, mode 0600. See `signatures/`. */
  readonly signingKey: string;
  /** The age identities that open the apps' secrets, mode 0600 in a folder of 0700. See `secrets/`. */
  readonly age: string;
  /** Bare repository: ours, or the mirror of the remote one. */
  readonly clusterRepo: string;
  /** One JSON file an app: `DeployRecord`. */
  readonly journal: string;
  /** Who did what without a commit: lines of JSON, mode 0600. */
  readonly audit: string;
  /** What Idempotency-Keys of the API were used for, mode 0600. */
  readonly usedKeys: string;
  /** Services that are to have new containers: `RestartNote`s. */
  readonly restarts: string;
  /** Releases of commands that are in the making. */
  readonly makings: string;
  /** Commands of app.json that are still to be run. */
  readonly postdeploys: string;
  /** JSON: the images in the registry that are ours, `PushedImage`s. */
  readonly pushed: string;
  /** Commands that are being run in replicas. */
  readonly execs: string;
  /** One JSON file an app: `CronBook`. */
  readonly crons: string;
  /** Bare repositories of app sources: see `sourceOf`. */
  readonly sources: string;
  /** One JSON file an app whose source is followed elsewhere: what became of the newest commit. */
  readonly followed: string;
  /** Logs and records of builds, `<app>/<number>.log` and `.json`. */
  readonly builds: string;
  /** JSON: how long the apps' builds took in this month. */
  readonly buildMinutes: string;
  /** What a build needs only while it goes on; emptied at each start, because a killed reconciler leaves it there. */
  readonly scratch: string;
  /** What `flynn cluster restore` has put together so far; not there otherwise. */
  readonly restoring: string;
  /** What git runs when somebody pushes; generated at each start. */
  readonly hooks: string;
  /** Sockets and pid files; mode 0700. */
  readonly run: string;
  /** Unix socket of the reconciler's API for hooks on this machine. */
  readonly socket: string;
  readonly pidFile: string;
  /** Configuration and sockets of Caddy, a folder each shift, and what they share: mounted into its containers at the same path. */
  readonly caddy: string;
  /** What they share: certificates, their authority. */
  readonly caddyShared: string;
  /** Configuration, records and control socket of unbound: mounted into its container at the same path. */
  readonly unbound: string;
  /** Configuration and sockets of HAProxy: mounted into its container at the same path. */
  readonly haproxy: string;
  /** What sshd has of the node: its key, who has which keys, the socket that it reaches us by. Mode 0700. */
  readonly ssh: string;
  readonly log: string;
  /** What the apps wrote, `<app>/<replica>/<number of the first line>.log`. */
  readonly logs: string;
  /** How far the receivers of logs have got. */
  readonly drains: string;
  /** What happened: lines of JSON. */
  readonly events: string;
}

/** The repository of an app's source: it stays where it is when the app is renamed. */
export function sourceOf({sources}: Pick<Layout, 'sources'>, id: AppId): string {
  return path.join(sources, `${id}.git`);
}

export function layout(root: string): Layout {
  const below = (...parts: string[]) => path.join(root, ...parts);
  return {
    root,
    settings: below('settings.yaml'),
    token: below('token'),
    signingKey: below('signing-key'),
    age: below('age'),
    clusterRepo: below('cluster.git'),
    journal: below('journal'),
    audit: below('audit.log'),
    usedKeys: below('used-keys'),
    restarts: below('restarts.json'),
    makings: below('makings'),
    postdeploys: below('postdeploys'),
    pushed: below('pushed.json'),
    execs: below('run', 'execs'),
    crons: below('crons'),
    sources: below('sources'),
    followed: below('followed'),
    builds: below('builds'),
    buildMinutes: below('build-minutes.json'),
    scratch: below('scratch'),
    restoring: below('restoring'),
    hooks: below('hooks'),
    run: below('run'),
    socket: below('run', 'reconciler.sock'),
    pidFile: below('run', 'reconciler.pid'),
    caddy: below('caddy'),
    caddyShared: below('caddy'),
    unbound: below('unbound'),
    haproxy: below('haproxy'),
    ssh: below('ssh'),
    log: below('reconciler.log'),
    logs: below('logs'),
    drains: below('drains'),
    events: below('events'),
  };
}
