/**
 * Labels by which we know our containers, images, volumes and networks again after a restart: the engine is our memory.
 * A thing without LABEL_INSTANCE of *this* instance is not ours, is not observed and is never touched.
 */
export const LABEL_INSTANCE = 'flynn.instance';
/** `app` (a replica), `job`, `run`, `router` (Caddy), `dns` (unbound), `tcp` (HAProxy), `ssh` (sshd) or `build`. */
export const LABEL_ROLE = 'flynn.role';
/** Of containers and networks: what the app was called when they were made. Of all that outlives a name (images, volumes, builds): its id. */
export const LABEL_APP = 'flynn.app';
/** Of an app's container: its app's id, when that is not its name. */
export const LABEL_ID = 'flynn.id';
export const LABEL_SERVICE = 'flynn.service';
/** Number of the replica, from 1. */
export const LABEL_SLOT = 'flynn.slot';
/** Number of the release, from 1. */
export const LABEL_RELEASE = 'flynn.release';
/** SpecHash of the whole resolved spec. */
export const LABEL_SPEC = 'flynn.spec';
/** Counts containers of one slot and spec, from 0: makes the name unique. */
export const LABEL_ATTEMPT = 'flynn.attempt';
/** Failures in a row before this container was started: the back-off is derived from it. */
export const LABEL_FAILURES = 'flynn.failures';
/** JSON of `ContainerFacts`: what has to be known of a running container whose manifest is gone. */
export const LABEL_FACTS = 'flynn.facts';
/** `<memory in bytes>/<cores>` as asked for: what differs from it was changed by hand. */
export const LABEL_LIMITS = 'flynn.limits';
/** Of a command that somebody runs: `attached` or `detached`. */
export const LABEL_MODE = 'flynn.mode';
/** Of the same: the first word of its command. */
export const LABEL_PROGRAM = 'flynn.program';
/** Name of a volume, within its app. */
export const LABEL_VOLUME = 'flynn.volume';
/** Of a job: `release` (run once before a release) or `cron`. */
export const LABEL_JOB = 'flynn.job';
/** Of a job: the name of the command with a schedule. */
export const LABEL_CRON = 'flynn.cron';
/** Of a job: which run it is. With app and name: unique for ever. */
export const LABEL_RUN = 'flynn.run';
/** Of the router: which of the Caddys that take over from each other it is, from 1. */
export const LABEL_SHIFT = 'flynn.shift';
/** Of an image: the Debian packages that it has on top of the stack's, with spaces between. An app's image has it too, when it runs on such a one. */
export const LABEL_PACKAGES = 'flynn.packages';

/** The name of an image that runs in the place of another one, which can't be had any more. */
export function standInTag({instance, app, image}: {readonly instance: string; readonly app: string; readonly image: string}): string {
  return `${instance}/${app}:for-${image.replace('sha256:', '')}`;
}

/** The image that the one with this name runs in the place of; undefined: none. */
export function standsFor(tag: string): string | undefined {
  const hex = /:for-([0-9a-f]{64})$/.exec(tag)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/** The network that an app's containers share with no other app's. The dot is in no name of an instance or app: nothing else can be called so. */
export function appNetwork(instance: string, app: string): string {
  return `${instance}.${app}`;
}

/** Of a network that two apps share: their names, joined by a dot. */
export const LABEL_SHARED = 'flynn.shared';

/** The network on which two apps, sorted by name, reach each other. It has one dot more than an app's own. */
export function sharedNetwork(instance: string, apps: readonly string[]): string {
  return `${instance}.${apps.join('.')}`;
}

/** The volume that the app with this id calls `name`. It outlives releases, containers and the app. */
export function appVolume({instance, app, name}: {readonly instance: string; readonly app: string; readonly name: string}): string {
  return `${instance}.${app}.${name}`;
}
