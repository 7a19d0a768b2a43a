import test from 'ava';
import {slugOf} from '../../schemas/slug.ts';

for (const [text, slug] of [
  ['shop: scale web 1 → 3', 'shop-scale-web-1-3'],
  ['Über drei für Café', 'uber-drei-fur-cafe'],
  [`${'a'.repeat(39)} b`, 'a'.repeat(39)],
  ['→ …', 'change'],
  ['', 'change'],
] as const) {
  test(`a branch of ${JSON.stringify(text)} is called ${slug}`, (t) => {
    t.is(slugOf(text), slug);
  });
}
