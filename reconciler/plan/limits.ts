import type {DesiredSystem} from '../desired/state.ts';

/** Failures in a row of one replica, during a deploy, that make the deploy fail. With the back-off: after about a second. */
export const DEPLOY_FAILURES_MAX = 3;

/** Exited containers of a service that are kept, newest first, because their logs say why they exited. */
export const KEPT_EXITED_MAX = 2;

/** While requests are in flight to a replica that leaves, it is looked at again after this many milliseconds. */
export const DRAIN_LOOK_MS = 200;

/** From one Caddy to the next that takes over from it, in milliseconds: changes that come faster are one. */
export const HANDOVER_GAP_MS = 1_000;

/** Caddys that were replaced and still have connections; the oldest goes when there is one more. Each has 40 to 300 MB. */
export const LEAVING_SHIFTS_MAX = 8;

/** Who has connected to a Caddy that has closed its ports since, and has not asked for anything yet, has as long as this to do so, in milliseconds: Go's server gives 5 s. */
export const SHIFT_IDLE_MS = 6_000;

/** While a Caddy that was replaced has connections, it is looked at again after this many milliseconds. */
export const LEAVING_LOOK_MS = 5_000;

/** A HAProxy that has been started beside another one has the ports by then, in milliseconds. */
export const TAKEN_OVER_MS = 2_000;

/** The last lines of an access log are read by then, in milliseconds. */
export const LOG_READ_MS = 2_000;

/**
 * How long one of the platform's own servers may run without answering before it is made anew, in milliseconds: all answer within one second after a start. With
 * Caddy and HAProxy go all who are connected through them (pushes, websockets), and on a machine that has too much to do they may be slow only; with unbound nobody.
 */
export const SILENT_MS_MAX: Readonly<Record<DesiredSystem['role'], number>> = {dns: 5_000, router: 30_000, tcp: 30_000, ssh: 30_000};

/** Longest time that a command of `flynn run` may take, in milliseconds: 24 hours, as on Heroku. */
export const RUN_MS_MAX = 24 * 60 * 60_000;

/** What a run that is to end gets between SIGTERM and SIGKILL, in milliseconds. */
export const RUN_GRACE_MS = 10_000;

/** Detached runs of an app that are kept after their end, newest first, because their logs are all that is left of them. */
export const KEPT_RUNS_MAX = 5;

/** And no longer than this many milliseconds: 24 hours. */
export const KEPT_RUNS_MS_MAX = 24 * 60 * 60_000;

/** How long images, build cache and logs of an app that is gone are kept, in milliseconds: a week, in which `git revert` brings it back without a build. */
export const GONE_KEPT_MS = 7 * 24 * 60 * 60_000;

/** A build cache that no build used for so long goes, in milliseconds: 30 days. The next build is only slower. */
export const CACHE_IDLE_MS = 30 * 24 * 60 * 60_000;

/** An image this new may be of a push whose release is not committed yet, in milliseconds: `flynn gc` leaves it alone. */
export const IMAGE_FRESH_MS = 10 * 60_000;

/** A run that could not be started when it was due (no reconciler ran, an engine was ill) is started until this many milliseconds later; then it is missed. */
export const CRON_LATE_MS_MAX = 600_000;

/** Missed runs that are counted one by one. */
export const CRON_MISSED_COUNT_MAX = 1_000;

/** Runs of one schedule at a time, with `overlap: allow`. */
export const CRON_PARALLEL_MAX = 10;

/** What canaries answer wakes nobody: it is looked at again after this many milliseconds. */
export const CANARY_LOOK_MS = 1_000;
/** From one look at a port that something else has to the next: nobody tells when it is free. */
export const TAKEN_LOOK_MS = 2000;

/** The part of a certificate's time that is left when it is ordered anew: what Caddy (2.6.2) takes too. */
export const CERTIFICATE_RENEWED_AT = 1 / 3;
/**
 * After one, two … failed orders for a host in a row the next is made so many milliseconds later. Authorities limit them: Let's Encrypt allows five an
 * hour and host (its documentation, 2025).
 */
export const ORDER_PAUSES_MS: readonly number[] = [2, 15, 60, 240, 720].map((minutes) => minutes * 60_000);
