import {createServer} from 'node:http';
import {hostname} from 'node:os';

const port = Number(process.env.PORT ?? 3000);
const greeting = process.env.GREETING ?? 'Hello from Flynn';
const startedAt = new Date();
let requests = 0;

const server = createServer((request, response) => {
  requests += 1;
  console.log(`${request.method} ${request.url}`);
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(page());
});

server.listen(port, () => console.log(`listening on port ${port}`));

// Finish what is being answered, then go: no request is lost when a new release takes over.
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});

function page() {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(greeting)}</title>
<style>
  :root { color-scheme: light dark; --ink: #1d2433; --soft: #66708a; --paper: #fbfbf9; --line: #e4e4de; --accent: #2f6f5e; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e9ecf3; --soft: #97a1b8; --paper: #14171f; --line: #2a303e; --accent: #7cc7b0; } }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper); color: var(--ink); font: 17px/1.6 system-ui, sans-serif; }
  main { max-width: 34rem; padding: 2rem; }
  h1 { font-size: 2.4rem; line-height: 1.15; margin: 0 0 .6rem; letter-spacing: -.02em; }
  p { color: var(--soft); margin: 0 0 1.6rem; }
  dl { display: grid; grid-template-columns: auto 1fr; gap: .3rem 1.5rem; border-top: 1px solid var(--line); padding-top: 1.2rem; margin: 0 0 1.6rem; }
  dt { color: var(--soft); }
  dd { margin: 0; font-variant-numeric: tabular-nums; }
  pre { border: 1px solid var(--line); border-left: 3px solid var(--accent); border-radius: 4px; padding: .8rem 1rem; margin: 0; overflow-x: auto; font-size: 14px; }
</style>
<main>
  <h1>${escape(greeting)}</h1>
  <p>This page was built from a <code>git push</code>, released by a commit, and is served by a container on your own machine.</p>
  <dl>
    <dt>Container</dt><dd>${escape(hostname())}</dd>
    <dt>Node.js</dt><dd>${escape(process.version)}</dd>
    <dt>Up since</dt><dd>${startedAt.toISOString().replace('T', ' ').slice(0, 19)} UTC</dd>
    <dt>Requests here</dt><dd>${requests}</dd>
  </dl>
<pre>flynn scale web=3 -a hello
flynn logs -a hello -f</pre>
</main>
</html>
`;
}

function escape(text) {
  return text.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
}
