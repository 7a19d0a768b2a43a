import type {SpecHash} from '../../schemas/ids.ts';
import {hashOf} from './hash.ts';
import type {DesiredApp, DesiredService} from './state.ts';

/** Somebody wants new containers for a service as it is. */
export interface RestartNote {
  readonly service: string;
  /** What it was then: a newer release or configuration has new containers already, and the note does not count for it. */
  readonly specHash: SpecHash;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/**
 * The app with other spec hashes where a restart is asked for: that makes it a deploy like any other, of the same release. The same notes give
 * the same hashes. Without notes that count it is the very same object.
 */
export function restarted(app: DesiredApp, notes: readonly RestartNote[]): DesiredApp {
  if (app.state === 'invalid') return app;
  const services = app.services.map((service): DesiredService => {
    const note = notes.find((one) => one.service === service.name && one.specHash === service.specHash);
    return note === undefined ? service : {...service, specHash: hashOf({specHash: service.specHash, restartedAtMs: note.atMs})};
  });
  if (services.every((service, index) => service === app.services[index])) return app;
  return {...app, services, restartOf: app.specKey, specKey: hashOf({specKey: app.specKey, services: services.map(({name, specHash}) => [name, specHash])})};
}
