import {type Command, Failure} from '../command.ts';

/** Tried with an image of this project's own in place of PostgreSQL's. */
const INSTEAD: readonly string[] = [
  'until then run it as an app of its own, which keeps its data in a volume:',
  '  flynn create db -r ""',
  '  flynn env set POSTGRES_PASSWORD=… --secret -a db',
  "  in apps/db/app.yaml    services: {store: {replicas: 1, strategy: stop-first, volumes: {data: {path: /var/lib/postgresql/data}}}}",
  '  flynn deploy -a db --image postgres:17 -t store --port 5432',
  'let the app that needs it connect, to store.db.internal:5432 (docs/services.md, "Network"):',
  '  in apps/db/app.yaml    allowFrom: [shop]',
  '  in apps/shop/app.yaml  reach: [db]',
  '  flynn env set DATABASE_URL=postgres://…@store.db.internal:5432/… --secret -a shop',
  'one that runs elsewhere needs the last line only',
];

/** People know them from Flynn and Heroku, and will want them here: until then they are told what to do instead. */
export const resource: Command = later({
  name: 'resource', thing: 'backing services (databases, caches, queues)',
  summary: 'Backing services of apps: these come in a later version, and this says what to do until then',
});

export const provider: Command = later({
  name: 'provider', thing: 'providers of backing services',
  summary: 'Who makes backing services: these come in a later version, and this says what to do until then',
});

function later({name, thing, summary}: {readonly name: string; readonly thing: string; readonly summary: string}): Command {
  return {
    usage: `${name}`,
    summary,
    details: INSTEAD,
    examples: [`flynn ${name}`],
    run: async () => {
      throw new Failure(`flynn does not know ${thing} yet: nothing was done`, {advice: INSTEAD});
    },
  };
}
