/** A commit object, taken apart. */
export interface CommitSignature {
  /** The armoured text; absent: nobody signed. */
  readonly signature?: string;
  /** The commit without its signature: what was signed. */
  readonly payload: Buffer;
  /** Of who made it, as it stands in git; empty where there is none. */
  readonly committerEmail: string;
  /** It has a signature, and it can't be said what that is of. */
  readonly problem?: string;
}

const SIGNATURE = 'gpgsig';
/** Names the object by SHA-256: git leaves it out of what is signed, so anybody could add one. */
const OTHER_SIGNATURE = 'gpgsig-sha256';

/** What `git verify-commit` looks at (commit.c, `parse_buffer_signed_by_header`): of a header that goes on, the next lines begin with a space. */
export function signatureOf(content: Buffer): CommitSignature {
  const lines: {readonly name: string; readonly start: number; end: number; text: string}[] = [];
  let at = 0;
  while (at < content.length && content[at] !== 0x0a) {
    const newline = content.indexOf(0x0a, at);
    const end = newline === -1 ? content.length : newline + 1;
    const line = content.toString('latin1', at, newline === -1 ? end : newline);
    const last = lines.at(-1);
    if (line.startsWith(' ') && last !== undefined) {
      last.text += `\n${line.slice(1)}`;
      last.end = end;
    } else {
      const space = line.indexOf(' ');
      lines.push({name: space === -1 ? line : line.slice(0, space), start: at, end, text: space === -1 ? '' : line.slice(space + 1)});
    }
    at = end;
  }
  const signatures = lines.filter(({name}) => name === SIGNATURE || name === OTHER_SIGNATURE);
  const committer = lines.filter(({name}) => name === 'committer');
  const committerEmail = /<([^<>]*)> \d+ [+-]\d{4}$/.exec(committer[0]?.text ?? '')?.[1] ?? '';
  const payload = withoutRanges(content, signatures);
  const [first] = signatures;
  if (first === undefined) return {payload, committerEmail};
  if (signatures.length > 1 || first.name !== SIGNATURE || committer.length !== 1) return {payload, committerEmail, problem: 'has more than one signature, or a header twice'};
  return {payload, committerEmail, signature: first.text};
}

/** The commit with its signature, where git puts it: behind all other headers. */
export function withSignature(payload: Buffer, signature: string): Buffer {
  const blank = payload.indexOf('\n\n');
  if (blank === -1) throw new Error('bug: a commit without a message can\'t be signed');
  const header = `${SIGNATURE} ${signature.trimEnd().replaceAll('\n', '\n ')}\n`;
  return Buffer.concat([payload.subarray(0, blank + 1), Buffer.from(header, 'latin1'), payload.subarray(blank + 1)]);
}

function withoutRanges(content: Buffer, ranges: readonly {readonly start: number; readonly end: number}[]): Buffer {
  const kept: Buffer[] = [];
  let at = 0;
  for (const {start, end} of ranges) {
    kept.push(content.subarray(at, start));
    at = end;
  }
  return Buffer.concat([...kept, content.subarray(at)]);
}
