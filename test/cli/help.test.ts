import test from 'ava';
import {COMMANDS, HIDDEN, inOurWords} from '../../cli/table.ts';
import {terminal} from './terminal.ts';

test('help of every command says how it is used, and has examples of it', async (t) => {
  for (const [name, load] of Object.entries(COMMANDS)) {
    if (HIDDEN.has(name)) continue;
    const {usage, summary, examples = []} = await load();
    t.true(usage.split('\n').every((line) => line.trim().replace(/^flynn /, '').split(' ')[0] === name), `usage of ${name}`);
    t.regex(summary, /^[A-Z].*[^.]$/, `summary of ${name}`);
    t.true(examples.length > 0, `examples of ${name}`);
    for (const example of examples) {
      // A pipe or a redirection may be around it.
      const [, words = ''] = /\bflynn (.*)$/.exec(example) ?? [];
      const own = words.split(' ').filter((word, index, all) => !/^(-a|-c|--clone)$/.test(word) && !/^(-a|-c|--clone)$/.test(all[index - 1] ?? ''));
      t.is(inOurWords(own)[0], name, example);
    }
  }
});

test('help lists every command once, and each can be asked for', async (t) => {
  const {type} = await terminal(t);
  const listed = (await type('help')).split('\n').flatMap((line) => /^  ([a-z][a-z-]*) {2,}\S/.exec(line)?.[1] ?? []);
  t.deepEqual(listed, Object.keys(COMMANDS).filter((name) => !HIDDEN.has(name)));
  for (const name of listed) t.regex(await type(`help ${name}`), /usage: flynn [^]*examples:[^]*exit 0$/, name);
});
