import type {Readable} from 'node:stream';

/** What a terminal or a pipe around the command line is, for a command that runs elsewhere as if it ran here. */
export interface Streams {
  readonly stdin: Readable;
  /** Both ends are a terminal: what runs elsewhere gets one too. Its size in characters; undefined when it is none. */
  terminalSize(): TerminalSize | undefined;
  /** Resolves when it was passed on: a pipe whose reader is slow makes us slow. */
  write(stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void>;
  /** Keys arrive as they are pressed, Ctrl-C too, and nothing is echoed: the other end does that. Until the signal. */
  takeKeys(signal: AbortSignal): void;
  onResize(listener: () => void, signal: AbortSignal): void;
  /** Signals that would end us are told instead, until the signal. */
  takeSignals(listener: (name: ForwardedSignal) => void, signal: AbortSignal): void;
  areSignalsTaken(): boolean;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
export type ForwardedSignal = (typeof FORWARDED_SIGNALS)[number];

/** Those of this process. */
export function processStreams(): Streams {
  let isTaken = false;
  return {
    get stdin() {
      return process.stdin;
    },
    terminalSize: () => (process.stdin.isTTY && process.stdout.isTTY ? {columns: process.stdout.columns, rows: process.stdout.rows} : undefined),
    write: (stream, bytes) => new Promise((resolve, reject) => process[stream].write(bytes, (error) => (error ? reject(error) : resolve()))),
    takeKeys(signal) {
      process.stdin.setRawMode(true);
      const giveBack = () => void process.stdin.setRawMode(false);
      // Whatever ends us: a shell whose terminal stays like that is of no use.
      process.once('exit', giveBack);
      signal.addEventListener('abort', () => {
        process.off('exit', giveBack);
        giveBack();
      }, {once: true});
    },
    onResize(listener, signal) {
      process.stdout.on('resize', listener);
      signal.addEventListener('abort', () => process.stdout.off('resize', listener), {once: true});
    },
    takeSignals(listener, signal) {
      isTaken = true;
      for (const name of FORWARDED_SIGNALS) {
        const onSignal = () => listener(name);
        process.on(name, onSignal);
        signal.addEventListener('abort', () => process.off(name, onSignal), {once: true});
      }
      signal.addEventListener('abort', () => (isTaken = false), {once: true});
    },
    areSignalsTaken: () => isTaken,
  };
}
