import {ExecStillRunning} from '../adapters/docker-exec.ts';
import type {Engine} from '../adapters/engine.ts';
import {listenersOf, type Listener} from '../adapters/listeners.ts';
import {PortRefused, probeHttp, probeTcp} from '../adapters/probe.ts';
import type {ProbeResult} from '../observed/health.ts';
import type {Probe} from '../observed/prober.ts';
import {unreachable} from '../../schemas/result.ts';

/** One probe of a container, as its check asks for. Rejects, or answers not ok, with words for the owner. */
export function probeContainer(engine: Pick<Engine, 'exec'>): Probe {
  const probe = probeOnce(engine);
  return async (container, signal) => {
    try {
      return await probe(container, signal);
    } catch (error) {
      if (!(error instanceof PortRefused) || container.pid === undefined) throw error;
      const listeners = await listenersOf(container.pid, signal).catch((): readonly Listener[] => []);
      return {ok: false, detail: `${error.message}${elsewhere(error.port, listeners)}`};
    }
  };
}

/** What most people got wrong whose app runs and can't be reached. */
function elsewhere(port: number, listeners: readonly Listener[]): string {
  const here = listeners.find((listener) => listener.port === port);
  if (here !== undefined) return `, only on ${here.address}: it has to listen on 0.0.0.0`;
  const ports = [...new Set(listeners.map((listener) => listener.port))].toSorted((a, b) => a - b);
  return ports.length === 0 ? '' : `, but on ${ports.slice(0, PORTS_TOLD_MAX).join(', ')}: the variable PORT says where it has to`;
}

const PORTS_TOLD_MAX = 3;

function probeOnce(engine: Pick<Engine, 'exec'>): Probe {
  return async ({id, address, check}, signal) => {
    if (check.kind !== 'command' && check.kind !== 'up' && address === undefined) return {ok: false, detail: 'it is not connected to its network'};
    switch (check.kind) {
      case 'up': return {ok: true};
      case 'tcp':
        await probeTcp({address: address ?? '', port: check.port}, signal);
        return {ok: true};
      case 'http':
        await probeHttp({address: address ?? '', port: check.port, path: check.path, host: 'localhost'}, signal);
        return {ok: true};
      case 'command': return await probeCommand(engine, {id, command: check.command}, signal);
      default: return unreachable(check);
    }
  };
}

async function probeCommand(engine: Pick<Engine, 'exec'>, {id, command}: {readonly id: string; readonly command: readonly string[]}, signal: AbortSignal): Promise<ProbeResult> {
  try {
    const {exitCode, output} = await engine.exec(id, command, signal);
    return exitCode === 0 ? {ok: true} : {ok: false, detail: `"${command.join(' ')}" exited with code ${exitCode}${output === '' ? '' : `: ${output.trim().slice(0, 120)}`}`};
  } catch (error) {
    if (error instanceof ExecStillRunning) return {ok: false, detail: `the last check, "${command.join(' ')}", is still running`};
    throw error;
  }
}
