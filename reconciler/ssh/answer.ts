/** What a client has to know of git over SSH. */
export interface SshAnswer {
  /** `no keys`: nobody has one, so nothing listens. */
  readonly state: 'open' | 'no keys' | 'port taken' | 'off';
  /** What remotes begin with: `ssh://git@git.example.com:2222`. */
  readonly url?: string;
  /** For known_hosts: `ssh-ed25519 AAAA…`. */
  readonly hostKey?: string;
  /** `SHA256:…`, as ssh shows it when it asks whether the host is the right one. */
  readonly fingerprint?: string;
  readonly problem?: string;
}
