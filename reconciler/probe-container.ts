import {ExecStillRunning} from './adapters/docker-exec.ts';
import type {Engine} from './adapters/engine.ts';
import {probeHttp, probeTcp} from './adapters/probe.ts';
import type {ProbeResult} from './observed/health.ts';
import type {Probe} from './observed/prober.ts';
import {unreachable} from '../schemas/result.ts';

/** One probe of a container, as its check asks for. Rejects, or answers not ok, with words for the owner. */
export function probeContainer(engine: Pick<Engine, 'exec'>): Probe {
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
