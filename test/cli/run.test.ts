import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {buffer} from 'node:stream/consumers';
import test from 'ava';
import {Refused} from '../../reconciler/oneshot/oneshot.ts';
import {app} from '../reconciler/api/fake-view.ts';
import {until} from '../support/until.ts';
import {FakeStreams, terminal, text, type Terminal} from './terminal.ts';

process.env.TZ = 'UTC';

async function shop(t: Parameters<typeof terminal>[0]): Promise<Terminal> {
  const made = await terminal(t);
  made.view.current = {...made.view.current, apps: [app('shop')]};
  return made;
}

test('a command runs elsewhere as if it ran here: streams apart, its exit status ours', async (t) => {
  const {view, type} = await shop(t);
  view.oneShot.command = async (session) => {
    const input = await buffer(session.stdin);
    await session.print('stdout', input);
    await session.print('stderr', Buffer.from('careful\n'));
    session.end(7);
  };
  const streams = new FakeStreams();
  streams.stdin.end('some\ninput');
  t.is(await type('run -a shop -t web -e A=1 -e B=x=y cat -a -c --json', {streams}), text`
    $ flynn run -a shop -t web -e A=1 -e B=x=y cat -a -c --json
    exit 7
  `);
  t.is(String(streams.written.stdout), 'some\ninput');
  t.is(String(streams.written.stderr), 'careful\n');
  t.like(view.oneShot.asked, [{app: 'shop', service: 'web', command: ['cat', '-a', '-c', '--json'], env: {A: '1', B: 'x=y'}, actor: {name: 'Ann Lee', email: 'ann@example.com'}}]);
  t.false('terminal' in (view.oneShot.asked[0] ?? {}));
  await until('the session is closed', () => view.oneShot.sessions[0]?.isClosed === true);
});

test('megabytes pass both ways, byte for byte, however slowly they are taken', async (t) => {
  const {view, type} = await shop(t);
  const bytes = randomBytes(5_000_003);
  view.oneShot.command = async (session) => {
    for await (const chunk of session.stdin) await session.print('stdout', chunk as Buffer);
    session.end();
  };
  const streams = new FakeStreams();
  streams.stdin.end(bytes);
  t.regex(await type('run -a shop cat', {streams}), /exit 0$/);
  t.true(streams.written.stdout.equals(bytes));
});

test('input that the command does not take does not hold up a signal', async (t) => {
  const {view, type} = await shop(t);
  view.oneShot.command = async (session) => {
    session.write = () => new Promise(() => {});
    await until('it is signalled', () => session.sent.length === 2);
    session.end(130);
  };
  const streams = new FakeStreams();
  streams.stdin.write(randomBytes(10_000_000));
  const typed = type('run -a shop sleep 100', {streams});
  await until('signals are taken', () => streams.areSignalsTaken());
  streams.signal('SIGINT');
  streams.signal('SIGTERM');
  t.regex(await typed, /exit 130$/);
  t.deepEqual(view.oneShot.sessions[0]?.sent, ['SIGINT', 'SIGTERM']);
  t.false(streams.areSignalsTaken());
});

test('on a terminal the command gets one, of the same size, and the keys as they are pressed', async (t) => {
  const {view, type} = await shop(t);
  const streams = new FakeStreams();
  streams.size = {columns: 100, rows: 30};
  view.oneShot.command = async (session) => {
    await session.print('stdout', Buffer.from('$ '));
    const [keys] = await once(session.stdin, 'data') as [Buffer];
    t.is(String(keys), '\x03');
    t.true(streams.areKeysTaken);
    streams.size = {columns: 80, rows: 24};
    streams.resize();
    await until('it knows the new size', () => session.sizes.length > 0);
    session.end();
  };
  streams.stdin.write('\x03');
  t.is(await type('run -a shop bash', {streams, env: {TERM: 'xterm-256color'}}), text`
    $ flynn run -a shop bash
    ! Running bash on ⬢ shop... up, run.4821 (v3)
    exit 0
  `);
  t.like(view.oneShot.asked, [{terminal: {columns: 100, rows: 30}, env: {TERM: 'xterm-256color'}}]);
  t.deepEqual(view.oneShot.sessions[0]?.sizes, ['80x24']);
  t.false(streams.areKeysTaken, 'the terminal is given back');
});

test('what is refused says why', async (t) => {
  const {view, type} = await shop(t);
  view.oneShot.refusal = new Refused('impossible', 'no release of "shop" serves yet');
  t.is(await type('run -a shop bash'), text`
    $ flynn run -a shop bash
    ! error: no release of "shop" serves yet
    exit 1
  `);
  t.is(await type('exec -a shop web.1 bash'), text`
    $ flynn exec -a shop web.1 bash
    ! error: no release of "shop" serves yet
    exit 1
  `);
});

test('a command that can\'t be started has the exit status that a shell gives it', async (t) => {
  const {view, type} = await shop(t);
  view.oneShot.refusal = new Refused('impossible', 'the image has no command "nope"', 127);
  t.is(await type('run -a shop nope'), text`
    $ flynn run -a shop nope
    ! error: the image has no command "nope"
    exit 127
  `);
});

test('what breaks on the way is no exit status of the command', async (t) => {
  const {view, type} = await shop(t);
  view.oneShot.command = async (session) => {
    session.outcome = () => Promise.reject(new Error('the engine is gone'));
    await session.print('stdout', Buffer.from('half of it'));
    session.end();
  };
  const streams = new FakeStreams();
  t.is(await type('run -a shop sleep 100', {streams}), text`
    $ flynn run -a shop sleep 100
    ! error: the node could not do this; its log has the cause
    exit 1
  `);
  t.is(String(streams.written.stdout), 'half of it');
});

test('run and exec need a command, and flags that make sense', async (t) => {
  const {view, type} = await shop(t);
  for (const [line, complaint] of [
    ['run -a shop', 'which command? it has to be like flynn run bash'],
    ['run -a shop -e NAME bash', '"NAME" after -e is no setting; it has to be like LOG_LEVEL=debug'],
    ['run -a shop --json bash', "with --json there has to be --detach: stdout is the command's own otherwise"],
    ['exec -a shop', 'in which replica? it has to be like flynn exec web.1 bash; flynn ps lists them'],
    ['exec -a shop web.1', 'which command? it has to be like flynn exec web.1 bash'],
  ] as const) {
    const typed = (await type(line)).split('\n');
    t.is(typed[1], `! ${complaint}`);
    t.is(typed.at(-1), 'exit 2');
  }
  t.deepEqual(view.oneShot.asked, []);
});

test('a detached run prints its name', async (t) => {
  const {view, type} = await shop(t);
  t.is(await type('run -a shop --detach -- rake db:migrate'), text`
    $ flynn run -a shop --detach -- rake db:migrate
    ! Running rake db:migrate on ⬢ shop... done, up as run.4821
    run.4821
    exit 0
  `);
  t.is((await type('run -a shop --json --detach bash')).split('\n')[1], '{"name":"run.4821","release":3}');
  t.like(view.oneShot.asked[0], {command: ['rake', 'db:migrate']});
});

test('exec runs in the replica that is named', async (t) => {
  const {view, type} = await shop(t);
  t.regex(await type('exec -a shop -e A=1 web.1 ps -a'), /exit 0$/);
  t.like(view.oneShot.asked, [{app: 'shop', replica: 'web.1', command: ['ps', '-a'], env: {A: '1'}}]);
  t.is((await type('exec -a shop web bash')).split('\n')[1], '! error: "web" can\'t name a replica; it has to be like web.1');
});

test('kill says how long it took, and that a replica comes again', async (t) => {
  const {type} = await shop(t);
  t.is(await type('kill -a shop web.1'), text`
    $ flynn kill -a shop web.1
    ! Killing web.1 of ⬢ shop... done, it ended after 0.3 s; another one is being started: flynn ps
    exit 0
  `);
  t.is(await type('kill -a shop run.4821'), text`
    $ flynn kill -a shop run.4821
    ! Killing run.4821 of ⬢ shop... done, it ended after 0.3 s
    exit 0
  `);
  t.is((await type('kill')).split('\n').at(-1), 'exit 2');
});

test('restart waits until the new containers serve, and says when they do not', async (t) => {
  const {view, type} = await shop(t);
  view.progress = ['web [0/1]', 'web [1/1]'];
  t.is(await type('restart shop'), text`
    $ flynn restart shop
    !   web [0/1]
    !   web [1/1]
    ! Restarting web of ⬢ shop... done
    exit 0
  `);
  view.progress = [];
  view.outcome = {result: 'failed', commit: 'c'.repeat(40) as never, cause: 'web.1 exited with code 1, 3 times in a row', log: ['no database today']};
  t.is(await type('restart shop -t web'), text`
    $ flynn restart shop -t web
    ! error: web.1 exited with code 1, 3 times in a row
    !        no database today
    ! Restarting web of ⬢ shop... failed; the old ones serve on
    exit 1
  `);
  t.is(await type('restart shop --no-wait'), text`
    $ flynn restart shop --no-wait
    ! Restarting web of ⬢ shop... begun
    exit 0
  `);
  t.deepEqual(view.repo.commits, []);
  t.is(await type('restart web.2 -a shop'), text`
    $ flynn restart web.2 -a shop
    ! Restarting web.2 of ⬢ shop... done, another one has its place after 1.4 s
    exit 0
  `);
  t.is((await type('restart web.1 -t web')).split('\n').at(-1), 'exit 2');
  view.oneShot.refusal = new Refused('impossible', 'web.2 was not replaced: the new one exited with code 1, 3 times in a row; the old one goes on');
  t.is(await type('restart web.2 -a shop'), text`
    $ flynn restart web.2 -a shop
    ! error: web.2 was not replaced: the new one exited with code 1, 3 times in a row; the old one goes on
    exit 1
  `);
});

test('audit lists who did what', async (t) => {
  const {view, type} = await shop(t);
  view.audit.entries = [
    {at: '2026-11-23T10:12:01Z', actor: 'Ann <ann@example.com>', action: 'run', app: 'shop' as never, subject: 'run.4821', command: {program: 'bash', sha256: 'f'.repeat(64)}},
    {at: '2026-11-23T10:12:02Z', actor: 'Bob <bob@example.com>', action: 'restart', app: 'blog' as never},
  ];
  t.is(await type('audit'), text`
    $ flynn audit
    2026/11/23 10:12:01  Ann <ann@example.com>  run  ⬢ shop  run.4821  bash …
    2026/11/23 10:12:02  Bob <bob@example.com>  restart  ⬢ blog
    exit 0
  `);
  t.is((await type('audit -a blog --json')).includes('run.4821'), false);
});

test('confirming is written down', async (t) => {
  const {view, type} = await shop(t);
  view.held = 'a'.repeat(40) as never;
  t.regex(await type('confirm aaaaaaaa'), /exit 0$/);
  t.like(view.audit.entries, [{action: 'confirm', subject: 'aaaaaaaa', actor: 'Ann Lee <ann@example.com>'}]);
});
