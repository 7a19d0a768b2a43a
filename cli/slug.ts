const SLUG_LENGTH_MAX = 40;

/** A text as a part of a branch's name, as the server makes it: `shop: scale web 1 → 3` is `shop-scale-web-1-3`. */
export function slugOf(text: string): string {
  const slug = text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').slice(0, SLUG_LENGTH_MAX).replaceAll(/^-+|-+$/g, '');
  return slug === '' ? 'change' : slug;
}
