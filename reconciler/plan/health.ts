import type {Ended, ObservedContainer} from '../observed/state.ts';

export function isHealthy(container: ObservedContainer): boolean {
  return container.state === 'running' && container.health.state === 'healthy' && container.drift === undefined;
}

/** `exited with code 3`, `was killed: out of memory`, … */
export function howItEnded(container: {readonly state: 'running'} | {readonly state: 'created'; readonly error?: string} | Ended): string {
  switch (container.state) {
    case 'running': return 'runs';
    case 'created': return container.error === undefined ? 'was never started' : `could not start: ${container.error}`;
    case 'exited': {
      if (container.isOutOfMemory) return `was killed: out of memory (exit code ${container.exitCode})`;
      const meaning = EXIT_CODES[container.exitCode] ?? SIGNALS[container.exitCode - 128];
      return `exited with code ${container.exitCode}${meaning === undefined ? '' : ` (${meaning})`}`;
    }
  }
}

/** What shells and the init process that the engine puts into a container say of a command that they can't start (POSIX, exec). */
const EXIT_CODES: Readonly<Record<number, string>> = {126: 'its command can\'t be executed', 127: 'its command was not found'};

/** Signals that end a process often enough to be named; 128 + number is the shell's and the engine's exit code (signal(7)). */
const SIGNALS: Readonly<Record<number, string>> = {1: 'SIGHUP', 2: 'SIGINT', 4: 'SIGILL', 6: 'SIGABRT', 7: 'SIGBUS', 8: 'SIGFPE', 9: 'SIGKILL', 11: 'SIGSEGV', 13: 'SIGPIPE', 15: 'SIGTERM'};
