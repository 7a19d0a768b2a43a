import {readFile, rename, writeFile} from 'node:fs/promises';
import type {AppName} from '../../schemas/ids.ts';
import {restarted, type RestartNote} from '../desired/restarted.ts';
import type {DesiredApp, DesiredState} from '../desired/state.ts';

type Notes = Readonly<Record<AppName, readonly RestartNote[]>>;

/**
 * Which services are to have new containers since when: one JSON file, replaced as a whole. At most one note a service; they stay, because what
 * they made is what is wanted from then on, and go with their app.
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

  /** Resolves when the notes are on the disk; from then on they count. */
  add(app: AppName, notes: readonly RestartNote[], known: readonly AppName[]): Promise<void> {
    const writing = this.#last.then(async () => {
      const others = (this.#notes[app] ?? []).filter(({service}) => !notes.some((note) => note.service === service));
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
    const notes = this.#notes[app.name];
    if (notes === undefined) return app;
    const made = this.#made.get(app);
    if (made?.notes === notes) return made.app;
    const next = {notes, app: restarted(app, notes)};
    this.#made.set(app, next);
    this.#plain.set(next.app, app);
    return next.app;
  }
}
