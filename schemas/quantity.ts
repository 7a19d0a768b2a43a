import type {SchemaObject} from 'ajv';

/** Bytes by unit, as Kubernetes has them: `Mi` is 1,048,576, `M` is a million. */
const UNIT_BYTES = {
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40,
  K: 1e3, M: 1e6, G: 1e9, T: 1e12,
} as const;

type Unit = keyof typeof UNIT_BYTES;

const QUANTITY = /^(\d{1,9}(?:\.\d{1,3})?)([KMGT]i?)$/;

export const quantitySchema: SchemaObject = {
  type: 'string',
  pattern: QUANTITY.source,
  errorMessage: 'must be a size with a unit, such as 256Mi, 1Gi or 512M',
  examples: ['256Mi', '1Gi'],
};

/** Bytes, rounded down. Throws when the text did not pass `quantitySchema`. */
export function bytesOf(quantity: string): number {
  const [, amount, unit] = QUANTITY.exec(quantity) ?? [];
  if (amount === undefined || unit === undefined) throw new Error(`bug: "${quantity}" is not a size`);
  return Math.floor(Number(amount) * UNIT_BYTES[unit as Unit]); // the pattern allows these units only
}

const SHOWN_UNITS = ['Ti', 'Gi', 'Mi', 'Ki'] as const;

/** For people: `2Gi`, `1.5Gi`, `300Mi`. Rounded down, because it says what is free. */
export function formatBytes(bytes: number): string {
  const unit = SHOWN_UNITS.find((one) => bytes >= UNIT_BYTES[one]);
  return unit === undefined ? `${bytes} bytes` : `${Math.floor((bytes / UNIT_BYTES[unit]) * 10) / 10}${unit}`;
}
