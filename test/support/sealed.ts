import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import type {SecretOpener} from '../../reconciler/apply/route-secrets.ts';
import {Keyring} from '../../reconciler/secrets/keyring.ts';

/** A value that was encrypted to a key that nobody has any more. */
export const SEALED = `-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBHN1dhSWhCZVRBbnZaZDd2
VENRa1hRV0NkMzMzRnRvME1wekJBNjBrYm13Cm02WlF0eXJGdEZFWmhPeUFKN2Qy
eWdEcHNlZ2V2YkF5Ui90bno4QXVjc00KLS0tIFFBSW9ZamhxNFRmOHJkdXQ2ZVc1
WUxmOEtiNVJ5OGk0YTU5cnkrbjFPOFEKJXTjXa8k+hcLvrbyR367n/9BNEWogEHC
pXQUjCrfeHsXwOMKag==
-----END AGE ENCRYPTED FILE-----
`;

/** A text below `key: |` of YAML. */
export function indented(text: string, spaces: number): string {
  return text.trimEnd().split('\n').map((line) => `${' '.repeat(spaces)}${line}\n`).join('');
}

/** A node's keys in a folder that the test removes. */
export async function keyring(t: ExecutionContext): Promise<{readonly keys: Keyring; readonly folder: string; readonly recipient: string}> {
  const home = await mkdtemp(path.join(tmpdir(), 'flynn-keys-'));
  t.teardown(() => rm(home, {recursive: true, force: true}));
  const folder = path.join(home, 'age');
  const keys = new Keyring(folder);
  return {keys, folder, recipient: await keys.ensure()};
}

/** Opens what was never sealed. */
export const UNSEALED: SecretOpener = {open: async (text) => text, deriveKey: async (purpose) => `key for ${purpose}`};
