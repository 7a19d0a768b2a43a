// Run by git for each push: hands the push over to the reconciler and prints its answers as they come. Plain JavaScript without
// imports of ours, because each push waits for it to start.
import http from 'node:http';
import {userInfo} from 'node:os';

const [kind = '', socketPath = ''] = process.argv.slice(2);

let lines = '';
for await (const chunk of process.stdin) lines += chunk;

const {env} = process;
const quarantine = ['GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES', 'GIT_QUARANTINE_PATH'];
const push = {
  gitdir: process.cwd(),
  session: env.FLYNN_PUSH ?? '',
  user: userInfo().username,
  updates: lines.split('\n').filter((line) => line !== '').map((line) => {
    const [before, after, ref] = line.split(' ');
    return {before, after, ref};
  }),
  options: Array.from({length: Number(env.GIT_PUSH_OPTION_COUNT ?? 0)}, (_, index) => env[`GIT_PUSH_OPTION_${index}`] ?? ''),
  env: Object.fromEntries(quarantine.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
};

const request = http.request({socketPath, path: `/hooks/${kind}`, method: 'POST', headers: {'content-type': 'application/json'}}, (response) => {
  let unfinished = '';
  let exitCode;
  response.setEncoding('utf8');
  response.on('data', (text) => {
    const answers = (unfinished + text).split('\n');
    unfinished = answers.pop();
    for (const answer of answers.map((line) => JSON.parse(line))) {
      if ('print' in answer) console.log(answer.print);
      else exitCode = answer.exit;
    }
  });
  const end = () => finish(response.statusCode === 200 ? exitCode : undefined);
  response.on('end', end);
  response.on('error', end);
});
request.on('error', () => {
  console.log(kind === 'post-receive' ? ' !     Flynn is not running: it will act on this when it is started.' : ' !     Push rejected, Flynn is not running on this machine. Start it with: flynn up');
  process.exit(1);
});
request.end(JSON.stringify(push));

function finish(exitCode) {
  if (exitCode === undefined) console.log(' !     Flynn was stopped in the middle of this push. See what became of it with: flynn status, then push again.');
  // A pipe that is full takes the rest later, and the last lines say why: exiting at once would lose them.
  process.stdout.write('', () => process.exit(exitCode ?? 1));
}
