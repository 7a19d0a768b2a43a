import test from 'ava';
import {mergePatch, type JsonObject} from '../../schemas/merge-patch.ts';

const merges = test.macro<[unknown, JsonObject, JsonObject]>((t, target, patch, result) => t.deepEqual(mergePatch(target, patch), result));

// From RFC 7396, appendix A, as far as both are objects.
test('a value is replaced', merges, {a: 'b'}, {a: 'c'}, {a: 'c'});
test('one is added', merges, {a: 'b'}, {b: 'c'}, {a: 'b', b: 'c'});
test('null takes one out', merges, {a: 'b', b: 'c'}, {a: null}, {b: 'c'});
test('lists are one value', merges, {a: ['b']}, {a: 'c'}, {a: 'c'});
test('objects are merged', merges, {a: {b: 'c'}}, {a: {b: 'd', c: null}}, {a: {b: 'd'}});
test('an object takes the place of something else', merges, {a: true}, {a: {b: 1}}, {a: {b: 1}});

test('an object that was emptied goes, too', merges, {a: {b: {c: 1}}, d: 1}, {a: {b: {c: null}}}, {d: 1});
test('one that was asked for as an empty one stays', merges, {}, {a: {}}, {a: {}});
