import test from 'ava';
import {withCookiesApart} from '../../../../reconciler/router/caddy/cookies.ts';

/** `/api api own`: a path, where it leads, and the name of its cookie. */
const cookies = test.macro((t, given: readonly string[], expected: readonly string[]) => {
  const paths = given.map((text) => {
    const [path = '', name = '', stickyCookie] = text.split(' ');
    return {path, name, ...(stickyCookie !== undefined && {options: {stickyCookie}})};
  });
  const host = withCookiesApart({host: 'shop.test', paths});
  t.deepEqual(host.paths.map(({path, name, options}) => [path, name, options?.stickyCookie].filter((part) => part !== undefined).join(' ')), expected);
});

test('one service has the usual cookie, whatever its paths', cookies, ['/up web flynn_sticky', '/old old', '/ web flynn_sticky'], ['/up web flynn_sticky', '/old old', '/ web flynn_sticky']);
test('several services behind one host have a cookie each', cookies,
  ['/up web flynn_sticky', '/api api flynn_sticky', '/a/b api flynn_sticky', '/b web.other flynn_sticky', '/ web flynn_sticky'],
  ['/up web flynn_sticky', '/api api flynn_sticky_14c2529e', '/a/b api flynn_sticky_14c2529e', '/b web.other flynn_sticky_a349ce89', '/ web flynn_sticky']);
test('a name that somebody chose stays', cookies, ['/api api own', '/b b own', '/ web flynn_sticky'], ['/api api own', '/b b own', '/ web flynn_sticky']);
