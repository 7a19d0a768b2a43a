import {readFile, rename, writeFile} from 'node:fs/promises';
import {appIdOf, type Identified} from '../../schemas/app-id.ts';
import type {AppName} from '../../schemas/ids.ts';
import {restarted, type RestartNote} from '../desired/restarted.ts';
import type {DesiredApp, DesiredState} from '../desired/state.ts';

type Notes = Readonly<Record<AppName, readonly RestartNote[]>>;

/** A note of one replica says nothing any more after so long, in milliseconds: no deploy may take a day. */
const REPLICA_NOTE_MS = 24 * 60 * 60_000;

/**
 * Which services and replicas are to have new containers since when: one JSON file, replaced as a whole. At most one note a service, and one a
 * replica; those of services stay, because what they made is what is wanted from then on, and go with their app.
 */
export class Restarts {
  readonly #file: string;
  #notes: Notes;
  #last: Promise<unknown> = Promise.resolve();
  /** The same app and the same notes are the same object: others compare what they see by identity. */
  readonly #made = new WeakMap<DesiredApp, {readonly notes: readonly RestartNote[]; readonly app: DesiredApp}>();
  readonly #plain = new WeakMap<DesiredApp, DesiredApp>();

  private constructor(file: string, notes: Notes) {
    this.#file = file;
    this.#notes = notes;
  }

  /** `onBroken` hears of a file that can't be read as what it should be; it is put aside. What was restarted is then made anew once more. */
  static async open(file: string, onBroken: (file: string, cause: unknown) => void): Promise<Restarts> {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    });
    try {
      return new Restarts(file, JSON.parse(text) as Notes);
    } catch (cause) {
      onBroken(file, cause);
      await rename(file, `${file}.broken`);
      return new Restarts(file, {});
    }
  }

  /** Resolves when the notes are on the disk; from then on they count. `app` and `known` as `homeOf` has them. */
  add(app: AppName, notes: readonly RestartNote[], known: readonly AppName[]): Promise<void> {
    const writing = this.#last.then(async () => {
      const newestMs = Math.max(...notes.map(({atMs}) => atMs));
      const others = (this.#notes[app] ?? []).filter((note) => !notes.some((next) => replaces(next, note)) && (note.slot === undefined || note.atMs > newestMs - REPLICA_NOTE_MS));
      const kept = Object.fromEntries(Object.entries(this.#notes).filter(([name]) => known.includes(name as AppName)));
      const next: Notes = {...kept, [app]: [...others, ...notes]};
      await writeFile(`${this.#file}.new`, JSON.stringify(next), {flush: true, mode: 0o600});
      await rename(`${this.#file}.new`, this.#file);
      this.#notes = next;
    });
    this.#last = writing.catch(() => {}); // Its caller is told; the next one has its own try.
    return writing;
  }

  /** What is wanted, with the restarts in it. */
  applied(desired: DesiredState): DesiredState {
    if (Object.keys(this.#notes).length === 0) return desired;
    const apps = desired.apps.map((app) => this.#applied(app));
    return apps.every((app, index) => app === desired.apps[index]) ? desired : {...desired, apps};
  }

  /** The app as its manifests have it. */
  plain<App extends DesiredApp>(app: App): App {
    return (this.#plain.get(app) ?? app) as App;
  }

  #applied(app: DesiredApp): DesiredApp {
    const notes = this.#notes[homeOf(app)];
    if (notes === undefined) return app;
    const made = this.#made.get(app);
    if (made?.notes === notes) return made.app;
    const next = {notes, app: restarted(app, notes)};
    this.#made.set(app, next);
    this.#plain.set(next.app, app);
    return next.app;
  }
}

/** What notes are kept under: an app that is renamed is not restarted for it, nor forgotten. */
export function homeOf(app: Identified): AppName {
  return appIdOf(app) as string as AppName;
}

/** Whoever has all of a service made anew has each replica made anew. */
function replaces(next: RestartNote, before: RestartNote): boolean {
  return next.service === before.service && (next.slot === undefined || next.slot === before.slot);
}
