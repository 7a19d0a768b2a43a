/** Commands that people are connected to at once, on this node. Each costs three connections and some hundred KB. */
export const SESSIONS_MAX = 100;

/** Runs of one app at once, detached ones too: each may take as much memory as a replica. */
export const RUNS_PER_APP_MAX = 20;

/** What a command in a replica, whose user has gone, gets between SIGHUP or SIGTERM and SIGKILL, in milliseconds. */
export const END_GRACE_MS = 10_000;

/** Numbers of runs are chosen by chance below this, as Heroku's are: short enough to type, too many to meet by accident. */
export const RUN_NUMBERS = 10_000;

/** Making and starting a container, in milliseconds, whatever becomes of who asked for it. */
export const START_MS_MAX = 60_000;

/** A kill waits for the container's own grace, and this many milliseconds longer. */
export const KILL_MS_MORE = 30_000;

/** After a start of ours: how long what is asked for waits until the containers have been looked at, in milliseconds. */
export const FIRST_LOOK_MS_MAX = 30_000;

/** Whether a replica has been replaced is looked up this often, in milliseconds. */
export const RENEWAL_LOOK_MS = 100;
