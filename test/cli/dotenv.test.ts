import test from 'ava';
import {DotenvProblem, formatDotenv, parseDotenv} from '../../cli/dotenv.ts';
import {seededRandom} from '../support/random.ts';

const reads = test.macro({
  exec(t, text: string, expected: Readonly<Record<string, string>>) {
    t.deepEqual(Object.fromEntries(parseDotenv(text)), expected);
  },
  title: (name) => `a .env file may have ${name}`,
});

test('plain values, blank lines and comments', reads, '\n# one\nA=1\n\n  B = two words  \nC=\n', {A: '1', B: 'two words', C: ''});
test('an export in front', reads, 'export A=1\n', {A: '1'});
test('a comment behind a value, and a # inside of one', reads, 'A=x # said\nB=x#y\nC="x # y" # said\nD= # nothing\n', {A: 'x', B: 'x#y', C: 'x # y', D: ''});
test('single quotes, which change nothing', reads, "A='$HOME \\n \"x\"'\n", {A: '$HOME \\n "x"'});
test('double quotes with escapes', reads, 'A="a\\nb\\t\\"c\\" \\$HOME \\\\ \\`"\n', {A: 'a\nb\t"c" $HOME \\ `'});
test('values over several lines', reads, "KEY='-----BEGIN-----\nabc\n-----END-----\n'\nB=\"x\ny\"\n", {KEY: '-----BEGIN-----\nabc\n-----END-----\n', B: 'x\ny'});
test('equal signs, quotes and URLs in a value', reads, 'A=b=c\nURL=postgres://u:p@h/d?x=1\nQ=it\'s\n', {A: 'b=c', URL: 'postgres://u:p@h/d?x=1', Q: "it's"});
test('line ends of another system, and a byte order mark', reads, '\uFEFFA=1\r\nB=2\r\n', {A: '1', B: '2'});
test('no line end at the end', reads, 'A=1', {A: '1'});

const refuses = test.macro({
  exec(t, text: string, message: string) {
    t.throws(() => parseDotenv(text), {instanceOf: DotenvProblem, message});
  },
  title: (name) => `a .env file is refused for ${name}`,
});

test('a line that sets nothing', refuses, 'A=1\nhunter2\n', 'line 2 is no NAME=value');
test('a name with a dash', refuses, 'A-B=1\n', 'line 1 is no NAME=value');
test('a quote that is not closed', refuses, 'A="x\ny\n', 'the quote in line 1 is not closed');
test('something behind a quote', refuses, "A='x'y\n", 'line 1 goes on after the quoted value of A');
test('a name twice', refuses, 'A=1\n\nA=2\n', 'line 3 sets A a second time');

test('what is printed is read again as it was, whatever it is', (t) => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
  const random = seededRandom(seed);
  const characters = [...'ab1 \'"\\$`#=\n\r\t!*{}ü☃:/.-'];
  for (let round = 0; round < 2000; round += 1) {
    const value = Array.from({length: Math.floor(random() * 12)}, () => characters[Math.floor(random() * characters.length)]).join('').replaceAll('\r\n', '\n');
    t.deepEqual([...parseDotenv(`${formatDotenv('A', value)}\n${formatDotenv('B', value)}\n`)], [['A', value], ['B', value]], `SEED=${seed}`);
  }
});
