import {connectCaddy} from '../../reconciler/adapters/caddy.ts';
import type {RefusedHost, ShiftWorld} from '../../reconciler/apply/shift.ts';
import {layout as layoutOf} from '../../reconciler/layout.ts';
import {routerContainerSpec} from '../../reconciler/router/containers.ts';
import {routerFiles, shiftLayout} from '../../reconciler/router/files.ts';
import type {TrialRouter} from './trial-router.ts';

/** What another Caddy needs to take over from that of a trial router, which is shift 1. */
export function shiftsOf({settings, secrets, engine, image, instance}: TrialRouter, onRefused: (hosts: readonly RefusedHost[]) => void = () => {}): ShiftWorld {
  const layout = layoutOf(settings.data);
  return {
    settings, layout, secrets, engine, onRefused,
    caddy: (shift) => connectCaddy(routerFiles(shiftLayout(layout, shift)).caddySocket),
    spec: (shift) => routerContainerSpec({settings, layout, image, instance}, shift),
  };
}

/** All but the first, which goes with its router. */
export async function removeShifts({engine, instance}: TrialRouter, signal: AbortSignal): Promise<void> {
  for (const {id, name} of await engine.containers([`flynn.instance=${instance}`, 'flynn.role=router'], signal)) if (name !== `${instance}-router-1`) await engine.remove(id, signal);
}
