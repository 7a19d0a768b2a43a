import type {Target} from '../observed/state.ts';
import type {NodeSettings} from '../settings.ts';
import type {RouterFiles} from './files.ts';
import {GENERATION_NAME, NOWHERE_NAME, OUR_ZONE, targetName} from './names.ts';

/** Where every host that nobody published leads: a listener of Caddy's that says so. On the DNS port, which is ours already (over TCP on 127.0.0.1). */
export const UNKNOWN_HOST_ADDRESS = '127.0.0.2';

/** What the names of hosts lead to that nobody has. */
export function unknownTarget({dnsPort}: Pick<NodeSettings, 'dnsPort'>): Target {
  return {address: UNKNOWN_HOST_ADDRESS, port: dnsPort};
}

/** Zones that unbound answers by itself unless told not to: hosts below them have to be ours to publish. */
const BUILT_IN_ZONES = ['localhost.', 'test.', 'invalid.', 'onion.', 'home.arpa.', 'service.arpa.', 'resolver.arpa.', '127.in-addr.arpa.'];

/**
 * The configuration of unbound that needs a restart to change; the records are in a file of their own.
 *
 * It never asks another server: the root is a zone of ours (`redirect`: the same answer for every name below it, which is in the file of the
 * records), and each published name is a more specific zone. So are our own names together, which no wildcard is for. One thread, so that each control command is atomic.
 */
export function renderUnboundConfig({dnsPort}: Pick<NodeSettings, 'dnsPort'>, files: RouterFiles): string {
  return `# Written by Flynn at each start; changes by hand are lost.
server:
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  interface: 127.0.0.1
  port: ${dnsPort}
  do-ip6: no
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  incoming-num-tcp: 256
  msg-cache-size: 1m
  rrset-cache-size: 1m
  module-config: "iterator"
  unblock-lan-zones: yes
${BUILT_IN_ZONES.map((zone) => `  local-zone: "${zone}" nodefault`).join('\n')}
  local-zone: "." redirect
  local-zone: "${OUR_ZONE}." redirect
  local-data: "${OUR_ZONE}. 1 IN SRV 0 0 ${dnsPort} ${targetName(UNKNOWN_HOST_ADDRESS)}."
  local-zone: "${NOWHERE_NAME}." static
  local-zone: "${GENERATION_NAME}." static
include: "${files.records}"
remote-control:
  control-enable: yes
  control-interface: "${files.unboundSocket}"
  control-use-cert: no
`;
}
