/** Somebody whom sshd has sent away. */
export interface RefusedLogin {
  /** Address of the client. */
  readonly from: string;
  /** Who he said that he was. Absent: he did not come so far. */
  readonly user?: string;
  /** Fingerprints of the keys that he tried, `SHA256:…`. Of who is not `git` sshd does not look at any. */
  readonly keys: readonly string[];
  /** He was not even asked: he has tried too often. */
  readonly isDropped: boolean;
}

/** Connections that are remembered: of those in which nobody has proved anything yet sshd has at most some dozens (`MaxStartups`). */
const CONNECTIONS_MAX = 1_000;
/** Of one connection: `MaxAuthTries`. */
const KEYS_MAX = 20;

/** What a client calls himself comes first and may look like anything; what stands behind it is sshd's own. */
const TRIED = /^Failed publickey for .* from (?<from>\S+) port (?<port>\d+) ssh2: \S+ (?<key>SHA256:[\w+/=]+)/;
const LET_IN = /^Accepted publickey for \S+ from (?<from>\S+) port (?<port>\d+) ssh2/;
const SENT_AWAY = /^(?:Connection (?:closed|reset) by|Disconnected from|Disconnecting) (?:authenticating|invalid) user (?<user>.*) (?<from>\S+) port (?<port>\d+)(?:: [^:]*)? \[preauth\]$/;
const DROPPED = /^drop connection #\d+ from \[(?<from>[^\]]+)\]:\d+ on \S+ penalty: /;

/**
 * Finds refused logins in what sshd writes at `LogLevel VERBOSE`: one for each connection that ends before somebody is in. An agent tries the keys that it
 * has one after the other, so a key that is refused is none yet; and whoever only looks whether somebody is there, as port scanners do, tries none.
 */
export class RefusedLogins {
  /** Keys, by address and port. The oldest connection first. */
  readonly #tried = new Map<string, readonly string[]>();

  /** A line of sshd's log, without its time. */
  see(line: string): RefusedLogin | undefined {
    const tried = TRIED.exec(line)?.groups;
    if (tried !== undefined) this.#add(placeOf(tried), tried['key'] ?? '');
    const letIn = LET_IN.exec(line)?.groups;
    if (letIn !== undefined) this.#take(placeOf(letIn));
    const dropped = DROPPED.exec(line)?.groups;
    if (dropped !== undefined) return {from: dropped['from'] ?? '', keys: [], isDropped: true};
    const gone = SENT_AWAY.exec(line)?.groups;
    return gone && {from: gone['from'] ?? '', user: gone['user'] ?? '', keys: this.#take(placeOf(gone)), isDropped: false};
  }

  #add(place: string, key: string): void {
    const keys = this.#take(place);
    this.#tried.set(place, keys.length < KEYS_MAX ? [...keys, key] : keys);
    const [oldest] = this.#tried.keys();
    if (this.#tried.size > CONNECTIONS_MAX && oldest !== undefined) this.#tried.delete(oldest);
  }

  #take(place: string): readonly string[] {
    const keys = this.#tried.get(place) ?? [];
    this.#tried.delete(place);
    return keys;
  }
}

function placeOf({from = '', port = ''}: Readonly<Record<string, string>>): string {
  return `${from} ${port}`;
}
