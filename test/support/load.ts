import {Agent, request} from 'node:http';
import {setTimeout as pause} from 'node:timers/promises';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** `await using` ends it, whatever became of the test. */
export interface Load extends AsyncDisposable {
  /** Ends the load when the requests under way have been answered. */
  stop(): Promise<LoadFigures>;
  /** Answers so far. */
  readonly count: number;
}

export interface LoadFigures {
  readonly answered: number;
  /** One line a failed request: when after the start, and how. */
  readonly failures: readonly string[];
  /** How often each body came. */
  readonly bodies: ReadonlyMap<string, number>;
}

export interface Target {
  readonly port: number;
  readonly host: string;
  readonly path?: string;
}

/** Pause between two requests of one connection, in milliseconds: the load shall not be what is measured. */
const PAUSE_MS = 4;
const ANSWER_MS_MAX = 20_000;

/** One request to 127.0.0.1 with this Host header. Rejects when there is no answer. */
export function ask({port, host, path = '/'}: Target, agent: Agent | false = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({host: '127.0.0.1', port, path, headers: {host}, agent, signal: AbortSignal.timeout(ANSWER_MS_MAX)}, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({status: response.statusCode ?? 0, body}));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Constant load over this many connections that are kept alive. Everything but a 200 is a failure. */
export function startLoad(target: Target, connections = 6): Load {
  const startedAtMs = performance.now();
  const failures: string[] = [];
  const bodies = new Map<string, number>();
  let answered = 0;
  let isOver = false;
  const connection = async () => {
    const agent = new Agent({keepAlive: true, maxSockets: 1});
    while (!isOver) {
      const at = `${Math.round(performance.now() - startedAtMs)} ms:`;
      try {
        const {status, body} = await ask(target, agent);
        answered += 1;
        bodies.set(body, (bodies.get(body) ?? 0) + 1);
        if (status !== 200) failures.push(`${at} ${status} ${body.slice(0, 100)}`);
      } catch (error) {
        failures.push(`${at} ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
      }
      await pause(PAUSE_MS);
    }
    agent.destroy();
  };
  const running = Promise.all(Array.from({length: connections}, connection));
  const stop = async () => {
    isOver = true;
    await running;
    return {answered, failures, bodies};
  };
  return {
    get count() {
      return answered;
    },
    stop,
    [Symbol.asyncDispose]: async () => void await stop(),
  };
}
