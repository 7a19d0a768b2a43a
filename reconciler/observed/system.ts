import type {ContainerId, SpecHash} from '../../schemas/ids.ts';
import type {DesiredSystem} from '../desired/state.ts';

/** A container of the platform's own. */
export interface ObservedSystem {
  readonly id: ContainerId;
  readonly name: string;
  readonly role: DesiredSystem['role'];
  readonly specHash: SpecHash;
  readonly state: 'created' | 'running' | 'paused' | 'exited';
  readonly createdAtMs: number;
  /** Of one that runs. */
  readonly startedAtMs?: number;
  /** Of one that has ended. */
  readonly finishedAtMs?: number;
  /** Which of those that take over from each other it is; 0 for those that never do. */
  readonly shift: number;
  /** The engine starts it again by itself. */
  readonly isKept: boolean;
}

/** A Caddy that another one has taken over from. */
export interface LeavingShift {
  /** When it closed its ports, milliseconds since 1970. Absent: it has not. */
  readonly closedAtMs?: number;
  /** Requests, event streams and websockets that it still has. Absent: it does not say. */
  readonly inFlight?: number;
}
