/** How old an answer of the DNS server may be when Caddy uses it: how long a change takes, at most, to be felt. */
export const REFRESH_MS = 100;
/**
 * How long Caddy tries to connect to one replica. Those of this machine answer in less than 1 ms or not at all: the address of a container that is gone answers
 * nothing for 3 s. Who is tried next is chance: beside one of two that is gone, one of two million requests meets that one alone until `HOLD_MS`; of tries of
 * 250 ms, which are four fewer, it was one of 130,000.
 */
export const TRY_MS = 200;
/** How long HAProxy tries to connect to one replica, and Caddy to our API. */
export const DIAL_MS = 500;
/** How long a request is held while no replica can be connected to: a crashed single replica is back by then. */
export const HOLD_MS = 5000;
export const RETRY_EVERY_MS = 50;
/** How long the app may take to say whether it wants the body that a client has asked about (`Expect: 100-continue`); then it is sent, as curl does. */
export const CONTINUE_MS = 1000;
/** Shorter than servers usually keep an idle connection (Node 5 s, gunicorn 2 s): a request must not meet one being closed. */
export const KEEP_ALIVE_MS = 1500;
/**
 * After that Caddy gives no new request to a replica that left the names: the last answer that had it is `REFRESH_MS` old, and
 * the time of an answer and of a loaded machine. Measured: see `test/system/router.test.ts`.
 */
export const ROUTER_LETS_GO_MS = REFRESH_MS + 250;
/**
 * How long HAProxy goes on with a replica that left its name: one that took its place has a name of its own, which has to be looked up
 * first. Without it a name whose replicas are all others at once had none for some 100 ms (3.0.11).
 */
export const STREAM_KEPT_MS = 500;
/** After that HAProxy gives no new connection to a replica that left the names. */
export const STREAM_LETS_GO_MS = ROUTER_LETS_GO_MS + STREAM_KEPT_MS;
/** How long a Caddy that is replaced still takes connections: those that are in use get an answer by which they end in good order. */
export const LEAVING_MS = 500;
/** How long it goes on with the requests, event streams and websockets that it has: an hour. */
export const STREAMS_KEPT_MS = 3_600_000;
