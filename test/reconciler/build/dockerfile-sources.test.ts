import test from 'ava';
import {forbiddenSource} from '../../../reconciler/build/dockerfile-sources.ts';

const SHA = 'a'.repeat(64);
const COMMIT = 'b'.repeat(40);

const allowed = test.macro((t, text: string) => t.is(forbiddenSource(`FROM debian\n${text}\n`, {}), undefined));
const refused = test.macro((t, text: string, source: string) => {
  const reason = forbiddenSource(text.startsWith('#') ? text : `FROM debian\n${text}\n`, {FROM_YAML: 'http://127.0.0.1/', DIR: 'src'});
  t.true(reason?.startsWith(`ADD of "${source}" in the Dockerfile would be fetched from the host's own network: `), reason);
});

for (const text of [
  'ADD app.tar.gz /srv/',
  'ADD --chown=1:1 a b c:d /srv/',
  'RUN curl http://127.0.0.1/ | cat',
  'COPY http://x /y',
  'ARG JAR_FILE=target/*.jar\nADD ${JAR_FILE} app.jar',
  'ARG VERSION\nENV NAME app\nADD $NAME-$VERSION.tar /srv/',
  `ADD --checksum=sha256:${SHA} https://example.com/a.tgz /srv/`,
  `ADD https://example.com/a.git#${COMMIT} /srv/`,
  `ADD https://example.com/a.git#${COMMIT}:docs /srv/`,
]) test(`allowed: ${text.replaceAll('\n', ' / ')}`, allowed, text);

for (const [text, source] of [
  ['ADD http://127.0.0.1:3580/ /x', 'http://127.0.0.1:3580/'],
  ['add --chown=1:1 a https://example.com/a /x', 'https://example.com/a'],
  ['ADD ["http://127.0.0.1/", "/x"]', 'http://127.0.0.1/'],
  ['ADD "h"ttp:\\//127.0.0.1/ /x', 'http://127.0.0.1/'],
  ['ADD \\\n\n  http://127.0.0.1/ /x', 'http://127.0.0.1/'],
  ['# escape=`\nFROM a\nADD `\n  http://127.0.0.1/ /x\n', 'http://127.0.0.1/'],
  ['ONBUILD ADD http://127.0.0.1/ /x', 'http://127.0.0.1/'],
  ['ARG URL=http://127.0.0.1/\nADD $URL /x', '$URL'],
  ['ARG COLON=:\nADD http${COLON}//127.0.0.1/ /x', 'http${COLON}//127.0.0.1/'],
  ['ARG A\nADD ${A:-http}x /x', '${A:-http}x'],
  ['ENV URL http://127.0.0.1/\nADD $URL /x', '$URL'],
  ['ADD $FROM_IMAGE /x', '$FROM_IMAGE'],
  ['ARG FROM_YAML=a\nADD $FROM_YAML /x', '$FROM_YAML'],
  ['ADD git@127.0.0.1:a.git /x', 'git@127.0.0.1:a.git'],
  ['ADD https://example.com/a.git#main /x', 'https://example.com/a.git#main'],
  ['ADD --checksum=$SUM http://127.0.0.1/ /x', 'http://127.0.0.1/'],
] as const) test(`refused: ${text.replaceAll('\n', ' / ')}`, refused, text, source);

test('only Docker\'s own frontends read a Dockerfile', (t) => {
  for (const image of ['docker/dockerfile:1', 'docker.io/docker/dockerfile:1.7-labs', `docker/dockerfile@sha256:${SHA}`, 'docker/dockerfile-upstream:master']) t.is(forbiddenSource(`# syntax=${image}\nFROM a\n`, {}), undefined, image);
  const reason = (image: string) => `the Dockerfile is to be read by the image "${image}" (a syntax line or BUILDKIT_SYNTAX), and only docker/dockerfile may do that`;
  t.is(forbiddenSource('# syntax=evil/dockerfile:1\nFROM a\n', {}), reason('evil/dockerfile:1'));
  t.is(forbiddenSource('FROM a\n', {BUILDKIT_SYNTAX: 'localhost:5000/docker/dockerfile'}), reason('localhost:5000/docker/dockerfile'));
});
