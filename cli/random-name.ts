const ADJECTIVES = [
  'amber', 'bold', 'brave', 'bright', 'calm', 'clear', 'cool', 'crisp', 'deep', 'eager', 'early', 'fair', 'fresh', 'gentle', 'glad', 'green',
  'happy', 'honest', 'jolly', 'keen', 'kind', 'lively', 'lucky', 'mellow', 'merry', 'mild', 'neat', 'nimble', 'noble', 'polite', 'proud', 'quick',
  'quiet', 'ready', 'round', 'sharp', 'shiny', 'silent', 'smart', 'snowy', 'soft', 'solid', 'steady', 'sunny', 'swift', 'tidy', 'warm', 'witty',
] as const;
const NOUNS = [
  'badger', 'bay', 'beacon', 'birch', 'brook', 'canyon', 'cedar', 'cliff', 'cloud', 'comet', 'creek', 'delta', 'dune', 'falcon', 'fern', 'field',
  'forest', 'fox', 'garden', 'glacier', 'grove', 'harbor', 'heron', 'hill', 'island', 'lagoon', 'lake', 'lark', 'maple', 'meadow', 'moon', 'oak',
  'ocean', 'otter', 'owl', 'pebble', 'pine', 'prairie', 'rain', 'reef', 'river', 'shore', 'spring', 'star', 'stone', 'summit', 'thunder', 'willow',
] as const;
const NUMBER_MIN = 10;
const NUMBER_MAX = 99;

/** `sunny-otter-42`: some 200,000 of them, all shorter than a name may be. `randomBelow(n)` is a whole number from 0 to n - 1. */
export function randomName(randomBelow: (limit: number) => number): string {
  const pick = (words: readonly string[]) => words[randomBelow(words.length)] ?? '';
  return `${pick(ADJECTIVES)}-${pick(NOUNS)}-${NUMBER_MIN + randomBelow(NUMBER_MAX - NUMBER_MIN + 1)}`;
}
