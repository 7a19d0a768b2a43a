import test from 'ava';
import {isSameJson} from '../../../reconciler/router/same.ts';

const compares = test.macro((t, one: unknown, other: unknown, expected: boolean) => {
  t.is(isSameJson(one, other), expected);
  t.is(isSameJson(other, one), expected);
});

test('fields may stand in any order', compares, {a: 1, b: {c: [1, 2], d: null}}, {b: {d: null, c: [1, 2]}, a: 1}, true);
test('a field without a value is no field', compares, {a: 1, b: undefined}, {a: 1}, true);
test('one field more is another value', compares, {a: 1, b: 2}, {a: 1}, false);
test('another name is another value, though there is nothing in it', compares, {a: 1, b: undefined, c: 2}, {a: 1, b: 2, c: undefined}, false);
test('the order of a list counts', compares, [1, 2], [2, 1], false);
test('a longer list is another one', compares, [1], [1, 1], false);
test('a list is no object', compares, [], {}, false);
test('null is no object', compares, null, {}, false);
test('a number is no text', compares, {a: 1}, {a: '1'}, false);
