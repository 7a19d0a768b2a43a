import test from 'ava';
import {frontendOf, needsBuildkit} from '../../../reconciler/build/dockerfile-features.ts';

const needs = test.macro((t, text: string, expected: string | undefined) => t.is(needsBuildkit(text), expected));

for (const [title, text, expected] of [
  ['an ordinary Dockerfile', 'FROM debian AS one\nRUN apt-get install \\\n  curl\nCOPY --chown=app --from=one a b\n', undefined],
  ['a heredoc', 'FROM debian\nRUN <<EOF\necho a\nEOF\n', 'a heredoc (RUN <<…)'],
  ['a heredoc with a quoted mark', 'FROM debian\ncopy <<-"END" /a\na\nEND\n', 'a heredoc (COPY <<…)'],
  ['a shift in a command', 'FROM debian\nRUN echo $((1 << 3)) && cat <<<a\n', undefined],
  ['a cache mount', 'FROM debian\nRUN --mount=type=cache,target=/c \\\n  npm ci\n', 'RUN --mount'],
  ['a second option, on the next line', 'FROM debian\nRUN --network=none \\\n  --mount=type=tmpfs,target=/c true\n', 'RUN --network'],
  ['an option of a command', 'FROM debian\nRUN docker run --mount=type=bind,src=/,dst=/x debian\n', undefined],
  ['COPY --chmod', 'FROM debian\nCOPY --from=a --chmod=755 x y\n', 'COPY --chmod'],
  ['a comment', 'FROM debian\n# RUN --mount=type=cache true\nRUN true \\\n# RUN <<EOF\n  && false\n', undefined],
  ['a syntax line', '# syntax=docker/dockerfile:1\nFROM debian\n', 'a syntax= line'],
  ['a syntax line after another directive', '# escape=`\r\n# syntax = docker/dockerfile:1\r\nFROM debian\r\n', 'a syntax= line'],
  ['a syntax line after a comment, where it is a comment too', '# ours\n# syntax=docker/dockerfile:1\nFROM debian\n', undefined],
  ['a git repository', 'FROM debian\nADD --chown=1:1 https://example.com/a/b.git#main /b\n', 'ADD of a git repository'],
] as const) {
  test(`${title} ${expected === undefined ? 'needs no BuildKit' : 'needs BuildKit'}`, needs, text, expected);
}

test('the image of a syntax line is told', (t) => {
  t.is(frontendOf('# syntax=docker/dockerfile:1.7-labs \nFROM debian'), 'docker/dockerfile:1.7-labs');
  t.is(frontendOf('FROM debian\n# syntax=docker/dockerfile:1'), undefined);
});
