/** Of the Caddys that take over from each other: each one is a shift, numbered from 1. */
export interface Shift {
  readonly shift: number;
  /** The engine starts it again by itself, also after a reboot. */
  readonly isKept: boolean;
}

/** The newest one that is to come back after a reboot: its configuration counts. Newer ones have not taken over yet, older ones leave. */
export function currentShift<Some extends Shift>(shifts: readonly Some[]): Some | undefined {
  return shifts.filter(({isKept}) => isKept).toSorted((a, b) => b.shift - a.shift)[0];
}
