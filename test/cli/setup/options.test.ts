import test from 'ava';
import {UsageError} from '../../../cli/command.ts';
import {dataFolder, parseUp, type UpOptions} from '../../../cli/setup/options.ts';

const parses = test.macro({
  exec(t, line: string, expected: Partial<UpOptions>) {
    const options = parseUp(line === '' ? [] : line.split(' '), '/home/ada');
    t.like(options, expected);
  },
  title: (_title, line) => `flynn up ${line} is understood`,
});

test(parses, '', {data: '/var/lib/flynn', isDetached: false, withSample: false, withSystemd: false, flags: {}});
test(parses, '--detach --sample -y', {isDetached: true, withSample: true});
test(parses, '--data state --http-port 8080', {data: '/home/ada/state', flags: {httpPort: 8080}});
test(parses, '--domain Apps.Example.COM. --listen 10.0.0.1', {flags: {domain: 'apps.example.com', listen: '10.0.0.1'}});
test(parses, '--watch cluster', {flags: {cluster: {kind: 'folder', folder: '/home/ada/cluster'}}});
test(parses, '--cluster-repo own', {flags: {cluster: {kind: 'own'}}});
test(parses, '--cluster-repo repos/cluster.git --poll 5', {flags: {cluster: {kind: 'remote', url: '/home/ada/repos/cluster.git', pollSeconds: 5}}});
test(parses, '--cluster-repo https://git.example/c.git --token-file t', {
  flags: {cluster: {kind: 'remote', url: 'https://git.example/c.git', tokenFile: '/home/ada/t', pollSeconds: 30}},
});
test(parses, '--cluster-repo git@git.example:ops/c.git --key-file /k', {
  flags: {cluster: {kind: 'remote', url: 'git@git.example:ops/c.git', keyFile: '/k', pollSeconds: 30}},
});

const refuses = test.macro({
  exec(t, line: string, message: RegExp) {
    t.throws(() => parseUp(line.split(' '), '/home/ada'), {instanceOf: UsageError, message});
  },
  title: (_title, line) => `flynn up ${line} is refused`,
});

test(refuses, '--bogus', /'--bogus'/);
test(refuses, 'hello', /"hello" is one word too many/);
test(refuses, '--http-port 0', /--http-port '0' has to be a whole number from 1 to 65535/);
test(refuses, '--api-port 70000', /'70000'/);
test(refuses, '--dns-port 53x', /'53x'/);
test(refuses, '--domain -x', /--domain/);
test(refuses, '--domain a_b.example', /'a_b.example' has to be a DNS name/);
test(refuses, '--domain 10.0.0.1', /'10.0.0.1' has to be a DNS name/);
test(refuses, '--listen localhost', /'localhost' has to be an IPv4 address/);
test(refuses, '--listen 1.2.3.256', /'1.2.3.256'/);
test(refuses, '--poll 5', /need --cluster-repo/);
test(refuses, '--watch a --cluster-repo b', /exclude each other/);
test(refuses, '--cluster-repo https://ada:secret@git.example/c.git', /must not hold a password/);

test('a refused repository URL does not show its password', (t) => {
  const error = t.throws(() => parseUp(['--cluster-repo', 'https://ada:hunter2@git.example/c.git'], '/'));
  t.notRegex(error.message, /hunter2/);
});

test('a data directory that holds the rest of the machine is refused', (t) => {
  for (const folder of ['/', '/var', '/home/..', '/home/ada/../..']) t.throws(() => dataFolder(folder, '/home/ada'), {instanceOf: UsageError});
  t.is(dataFolder('/srv/flynn', '/'), '/srv/flynn');
});
