import type {SpecHash} from '../../schemas/ids.ts';
import {hashOf} from './hash.ts';
import type {DesiredApp, DesiredService, Renewal} from './state.ts';

/** Somebody wants new containers for a service as it is. */
export interface RestartNote {
  readonly service: string;
  /** This replica alone. Absent: all of them. */
  readonly slot?: number;
  /** What it was then: a newer release or configuration has new containers already, and the note does not count for it. */
  readonly specHash: SpecHash;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/**
 * The app with other spec hashes where a restart is asked for: that makes it a deploy like any other, of the same release. A replica alone is no
 * deploy, and its service stays the same. The same notes give the same hashes. Without notes that count it is the very same object.
 */
export function restarted(app: DesiredApp, notes: readonly RestartNote[]): DesiredApp {
  if (app.state === 'invalid') return app;
  const services = app.services.map((service): DesiredService => {
    const own = notes.filter((note) => note.service === service.name && note.specHash === service.specHash);
    const whole = own.find(({slot}) => slot === undefined);
    const renew = own.flatMap(({slot, atMs}): Renewal[] => (slot === undefined ? [] : [{slot, atMs, untilMs: atMs + app.deployTimeoutMs}]));
    if (own.length === 0) return service;
    return {
      ...service,
      ...(whole !== undefined && {specHash: hashOf({specHash: service.specHash, restartedAtMs: whole.atMs})}),
      ...(renew.length > 0 && {renew}),
    };
  });
  if (services.every((service, index) => service === app.services[index])) return app;
  if (services.every(({specHash}, index) => specHash === app.services[index]?.specHash)) return {...app, services};
  return {...app, services, restartOf: app.specKey, specKey: hashOf({specKey: app.specKey, services: services.map(({name, specHash}) => [name, specHash])})};
}
