/** A release can't be made, or does not serve. The message is the reason, for people; `details` are lines that come before it. */
export class ReleaseRefused extends Error {
  override name = 'ReleaseRefused';
  readonly details: readonly string[];

  constructor(reason: string, details: readonly string[] = []) {
    super(reason);
    this.details = details;
  }
}
