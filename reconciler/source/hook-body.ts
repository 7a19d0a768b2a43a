/**
 * The branch that a push event is about, as GitHub, GitLab, Gitea and Forgejo tell it: `ref: refs/heads/main`. Undefined: it is about none
 * (a ping, a tag, an issue), or says it in another way. Called only with what was proved to come from somebody who knows the secret.
 */
export function branchOfHook(body: Buffer): string | undefined {
  try {
    const event: unknown = JSON.parse(textOf(body));
    const ref = typeof event === 'object' && event !== null ? (event as {readonly ref?: unknown}).ref : undefined;
    return typeof ref === 'string' ? /^refs\/heads\/(.+)$/.exec(ref)?.[1] : undefined;
  } catch {
    return undefined;
  }
}

/** GitHub can send a form, too, with the JSON in it. */
function textOf(body: Buffer): string {
  const text = body.toString('utf8');
  return text.startsWith('payload=') ? new URLSearchParams(text).get('payload') ?? '' : text;
}
