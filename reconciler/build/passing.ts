/** The words of system calls, resolvers, curl, git, apt, npm, pip, Bundler, Composer, Cargo, Go, Maven and registries for a network, or a server, that is not there now. */
const PASSING = [
  /\b(EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|E(SOCKET)?TIMEDOUT)\b/,
  /could(n't| not) (be )?(resolved?|connect|reach|transfer)|temporary failure|name resolution|no such host|unknown ?host|failed to connect/i,
  /(connection|connect|host|network)\b[^\n]{0,60}\b(refused|reset|timed out|unreachable|closed)/i,
  /(i\/o|handshake|operation|read|request) (timeout|timed out)|network (error|failure)/i,
  /\b(http|status|error|code|answer(s|ed)?)\b[^\n]{0,20}\b(429|50[0234])\b|bad gateway|service unavailable|gateway time|too many requests/i,
  // Our own, of `free-disk.ts`.
  /are free on the disk|the disk of .* is nearly full/,
];

/** Whether something failed for a reason that may pass by itself, as far as its last lines tell: then the same may succeed later. */
export function mayPass(text: string): boolean {
  return PASSING.some((pattern) => pattern.test(text));
}
