import {setTimeout as sleep} from 'node:timers/promises';
import {pushServer} from './push-server.ts';

// A git server in a process of its own, to be killed: prints the URL of an app, and `waiting` once a release is waited for.
const [root = ''] = process.argv.slice(2);
const {url} = await pushServer({teardown: () => {}}, {root, converged: async (_app, _onProgress, signal) => {
  console.log('waiting');
  await sleep(600_000, undefined, {signal});
  throw new Error('bug: nobody killed it');
}});
console.log(url('shop'));
