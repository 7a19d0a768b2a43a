import {execa} from 'execa';
import type {Doors} from './doors.ts';

/** `0032…`: gitprotocol-common(5). */
function packet(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
}

const FLUSH = Buffer.from('0000');

export interface RawPush {
  readonly token: string;
  /** Of the repository, as it stands in the URL. */
  readonly name: string;
  readonly updates: readonly {readonly ref: string; readonly before: string; readonly after: string}[];
  /** Where the objects are, and which ones to send. Absent: none. */
  readonly objects?: {readonly gitdir: string; readonly ids: readonly string[]};
  readonly options?: readonly string[];
}

/** A push as git itself would not send one (gitprotocol-pack(5)): whatever refs, objects and options. Resolves to all that the server says. */
export async function rawPush(node: Doors, {token, name, updates, objects, options = []}: RawPush): Promise<string> {
  const capabilities = `report-status side-band-64k object-format=sha1${options.length > 0 ? ' push-options' : ''}`;
  const commands = updates.map(({ref, before, after}, index) => packet(`${before} ${after} ${ref}${index === 0 ? `\0${capabilities}` : ''}`));
  const pack = objects === undefined ? Buffer.alloc(0) : Buffer.from((await execa('git', [`--git-dir=${objects.gitdir}`, 'pack-objects', '--stdout', '--quiet'], {input: `${objects.ids.join('\n')}\n`, encoding: 'buffer'})).stdout);
  const body = Buffer.concat([...commands, FLUSH, ...(options.length > 0 ? [...options.map(packet), FLUSH] : []), pack]);
  const answer = await fetch(`http://127.0.0.1:${node.port}/${name}.git/git-receive-pack`, {
    method: 'POST', body,
    headers: {authorization: `Basic ${Buffer.from(`x:${token}`).toString('base64')}`, 'content-type': 'application/x-git-receive-pack-request'},
  });
  return readable(Buffer.from(await answer.arrayBuffer()));
}

/** The texts of all packets, without the numbers of their bands. */
function readable(answer: Buffer): string {
  let text = '';
  for (let at = 0; at < answer.length;) {
    const length = Number.parseInt(answer.toString('latin1', at, at + 4), 16);
    if (!Number.isInteger(length)) return text + answer.toString('utf8', at);
    if (length > 4) text += answer.toString('utf8', at + 4, at + length).replace(/^[\u0001-\u0003]/, '');
    at += Math.max(length, 4);
  }
  return text;
}
