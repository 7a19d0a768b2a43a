const SLUG_LENGTH_MAX = 40;

/** A text as a part of a branch's name: `shop: scale web 1 → 3` is `shop-scale-web-1-3`, and `Über` is `uber`. */
export function slugOf(text: string): string {
  const plain = text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase();
  const slug = plain.replaceAll(/[^a-z0-9]+/g, '-').slice(0, SLUG_LENGTH_MAX).replaceAll(/^-+|-+$/g, '');
  return slug === '' ? 'change' : slug;
}
