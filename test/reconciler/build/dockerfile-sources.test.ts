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
  'ENV PATH=/a:/b VERSION="1 2" URL=http://127.0.0.1/\nADD app-$VERSION.tgz /srv/',
  'RUN cat <<\\EOF >a && cat <<< "a b" && echo $((1 << 3))\nADD a\nEOF',
  'ADD ["a b", "/srv/"]',
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
  // How the engine reads lines, spaces and words, and older frontends of its.
  ['ADD http://127.0.0.1/ /x \u2028', 'http://127.0.0.1/'],
  ['ADD http://127.0.0.1/ /x \r ', 'http://127.0.0.1/'],
  ['RUN true \\\\\nADD http://127.0.0.1/ /x', 'http://127.0.0.1/'],
  ['A\\\nDD http://127.0.0.1/ /x', 'http://127.0.0.1/'],
  ['ADD http:/\\\n/127.0.0.1/ /x', 'http://127.0.0.1/'],
  ['RUN true \u2028#\nADD http://127.0.0.1/ /x', 'http://127.0.0.1/'],
  ['\u0085# \\\nADD http://127.0.0.1/ /x', 'http://127.0.0.1/'],
  ['# a=b\n# escape=`\nFROM a\nRUN true `\nADD http://127.0.0.1/ /x\n', 'http://127.0.0.1/'],
  ['ONBUILD \u00a0ADD http://127.0.0.1/ /x', 'http://127.0.0.1/'],
  [`ADD --chown="a --checksum=sha256:${SHA} " http://127.0.0.1/ /x`, 'http://127.0.0.1/'],
  [`ADD --chown=a\ufeff--checksum=sha256:${SHA} http://127.0.0.1/ /x`, 'http://127.0.0.1/'],
  ['ADD ["http\\u003a\\u002f\\u002f127.0.0.1/", "/x"] more', 'http://127.0.0.1/'],
  ['ADD [1,"b",\t"http://127.0.0.1/"\t]', 'http://127.0.0.1/'],
  ['ENV URL http://127.0.0.1/?a=b\nADD $URL /x', '$URL'],
  ['ENV URL="ht"\'tp\'"://127.0.0.1/"\nADD $URL /x', '$URL'],
  ['ENV URL=a "URL"=http://127.0.0.1/\nADD $URL /x', '$URL'],
  ['ADD bob@127.0.0.1:a.git /x', 'bob@127.0.0.1:a.git'],
] as const) test(`refused: ${JSON.stringify(text).replaceAll(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16)}`)}`, refused, text, source);

for (const name of ["'a\\\\'", "'#a'", "' '", 'a\\\\', "''"]) {
  test(`a heredoc that ends with ${name} is refused, as what comes after it might be taken for a part of it`, (t) => {
    t.regex(forbiddenSource(`FROM debian\nRUN <<${name}\nADD http://127.0.0.1/ /x\n`, {}) ?? '', /^where the heredoc of "RUN <<.*" in the Dockerfile ends can't be told: end it with a plain word such as EOF$/);
  });
}

test('looking through a Dockerfile comes to an end, however it is written', (t) => {
  // What takes the square of the length, or worse, would be at it for minutes.
  const many = 100_000;
  for (const text of [`RUN a${' '.repeat(many)}b`, `RUN <<"${'#'.repeat(many)}`, `ENV a=${'"'.repeat(many)}`, `ENV a=${'\\ '.repeat(many / 2)}`, `ADD ${'a@'.repeat(many / 2)} b`, 'ADD \\\n'.repeat(many / 6), `ADD [${'"'.repeat(many)}`, '#\n'.repeat(many / 2), '\\\n'.repeat(many / 2)]) {
    t.regex(forbiddenSource(text, {}) ?? 'nothing', /^(nothing$|ADD of |where the heredoc of )/, text.slice(0, 20));
  }
});

test('only Docker\'s own frontends read a Dockerfile', (t) => {
  for (const image of ['docker/dockerfile:1', 'docker.io/docker/dockerfile:1.7-labs', `docker/dockerfile@sha256:${SHA}`, 'docker/dockerfile-upstream:master']) t.is(forbiddenSource(`# syntax=${image}\nFROM a\n`, {}), undefined, image);
  const reason = (image: string) => `the Dockerfile is to be read by the image "${image}" (a syntax line or BUILDKIT_SYNTAX), and only docker/dockerfile may do that`;
  t.is(forbiddenSource('# syntax=evil/dockerfile:1\nFROM a\n', {}), reason('evil/dockerfile:1'));
  t.is(forbiddenSource('#!/usr/bin/env docker\n# syntax=evil/dockerfile:1 a\nFROM a\n', {}), reason('evil/dockerfile:1'));
  t.is(forbiddenSource('// syntax=evil/dockerfile:1\nFROM a\n', {}), reason('evil/dockerfile:1'));
  t.is(forbiddenSource('FROM a\n', {BUILDKIT_SYNTAX: 'localhost:5000/docker/dockerfile'}), reason('localhost:5000/docker/dockerfile'));
});
