import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import test from 'ava';
import {pushServer} from '../../support/push-server.ts';

test('git over HTTP from elsewhere is told where to go before it sends a token', async (t) => {
  const {port} = await pushServer(t);
  // What the router adds to its request.
  const headers = ['X-Forwarded-For: 192.0.2.7', 'X-Forwarded-Proto: http'].flatMap((header) => ['-c', `http.extraHeader=${header}`]);
  const asked = promisify(execFile)('git', [...headers, 'ls-remote', `http://127.0.0.1:${port}/shop.git`], {env: {...process.env, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_GLOBAL: '/dev/null'}});
  const {stderr} = await t.throwsAsync<Error & {stderr: string}>(asked);
  t.regex(stderr, /^remote: over http:\/\/ your token could be read on its way: use https:\/\/git\.flynn\.test\/shop\.git\s*$/m);
});
