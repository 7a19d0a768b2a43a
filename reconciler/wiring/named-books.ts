import {appIdOf, type Identified} from '../../schemas/app-id.ts';
import type {AppId, AppName} from '../../schemas/ids.ts';
import type {AppIds} from '../app-ids.ts';
import type {CronBooks, CronChange} from '../apply/cron-books.ts';
import type {Journal} from '../apply/journal.ts';
import type {CronBook, DeployRecord} from '../observed/state.ts';

// On the disk these go by ids, and stay when an app is renamed; everybody else knows apps by what they are called now. What is of nobody who can be named is
// in no plan, and stays as it is.

/** What is known of deploys. */
export class NamedJournal {
  readonly #journal: Journal;
  readonly #ids: AppIds;

  constructor(journal: Journal, ids: AppIds) {
    this.#journal = journal;
    this.#ids = ids;
    // Before the first commit is read, it is what the last good ones were called that counts.
    ids.see([...journal.records.values()].map(({app, lastGood}): Identified => (lastGood === undefined || lastGood.name === app ? {name: app} : {name: lastGood.name, id: app as string as AppId})));
  }

  get records(): ReadonlyMap<AppName, DeployRecord> {
    return new Map([...this.#journal.records].flatMap(([key, record]) => {
      const app = this.#ids.nameOf(key);
      return app === undefined ? [] : [[app, calledBy(app, record)] as const];
    }));
  }

  write(record: DeployRecord): Promise<void> {
    return this.#journal.write({...record, app: keyOf(record.app, this.#ids)});
  }

  forget(app: AppName): Promise<void> {
    return this.#journal.forget(keyOf(app, this.#ids));
  }
}

/** What is known of commands with a schedule. */
export class NamedCronBooks implements Pick<CronBooks, 'books' | 'write' | 'forgetCron' | 'forget'> {
  readonly #books: CronBooks;
  readonly #ids: AppIds;

  constructor(books: CronBooks, ids: AppIds) {
    this.#books = books;
    this.#ids = ids;
  }

  get books(): ReadonlyMap<AppName, CronBook> {
    if (this.#ids.arePlain) return this.#books.books;
    return new Map([...this.#books.books].flatMap(([key, book]) => {
      const app = this.#ids.nameOf(key);
      return app === undefined ? [] : [[app, {...book, app}] as const];
    }));
  }

  write(change: CronChange): Promise<void> {
    return this.#books.write({...change, app: keyOf(change.app, this.#ids)});
  }

  forgetCron(app: AppName, cron: string): Promise<void> {
    return this.#books.forgetCron(keyOf(app, this.#ids), cron);
  }

  forget(app: AppName): Promise<void> {
    return this.#books.forget(keyOf(app, this.#ids));
  }
}

/** The same record where nothing has to be said otherwise. */
function calledBy(app: AppName, record: DeployRecord): DeployRecord {
  const {app: key, lastGood} = record;
  if (key === app && (lastGood === undefined || lastGood.name === app)) return record;
  if (lastGood === undefined) return {...record, app};
  const {id: _, ...good} = lastGood;
  const id = key as string as AppId;
  return {...record, app, lastGood: {...good, name: app, ...(id !== appIdOf({name: app}) && {id})}};
}

/** There an id stands where the name is otherwise: of most apps they are the same. */
function keyOf(app: AppName, ids: AppIds): AppName {
  return ids.idOf(app) as string as AppName;
}
