import {createSocket} from 'node:dgram';
import {createServer} from 'node:net';
import type {NodeSettings} from '../../reconciler/settings.ts';
import {UNKNOWN_HOST_ADDRESS} from '../../reconciler/router/unbound-config.ts';
import {Failure} from '../command.ts';
import {argumentsOf, holderOfPort, type ProcessName} from './proc.ts';
import type {Step} from './step.ts';

interface WantedPort {
  readonly what: string;
  readonly flag: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
}

interface TakenPort extends WantedPort {
  readonly holder?: ProcessName;
}

const DNS_FLAG = '--dns-port';
/** The DNS server's two, and the router's listener for hosts that nobody published. */
const DNS_SOCKETS = [
  {address: '127.0.0.1', protocol: 'udp'},
  {address: '127.0.0.1', protocol: 'tcp'},
  {address: UNKNOWN_HOST_ADDRESS, protocol: 'tcp'},
] as const;

/** Our own router and DNS server may hold their ports already. */
export function portsStep(settings: NodeSettings): Step {
  const ports = wantedPorts(settings);
  return {
    title: 'Ports',
    async check() {
      const twice = ports.find(({port, flag}, index) => ports.slice(0, index).some((before) => before.port === port && before.flag !== flag));
      if (twice !== undefined) throw new Failure(`port ${twice.port} is wanted twice, also for ${twice.what}`, {advice: [`choose another one with ${twice.flag}`]});
      const taken: TakenPort[] = [];
      for (const port of ports) {
        const trouble = await tryPort(port);
        if (trouble === undefined) continue;
        if (trouble !== 'EADDRINUSE') throw new Failure(unusable(port, trouble));
        const holder = await holderOfPort(port);
        if (holder === undefined || !(await isOurs(holder, settings))) taken.push({...port, ...(holder === undefined ? {} : {holder})});
      }
      const ssh = await sshTrouble(settings);
      if (taken.length > 0) throw new Failure(taken.map(describeTaken).join('\n       '), {advice: advise(taken)});
      return [...ports.filter(({flag}) => flag !== DNS_FLAG).map(({address, port}) => `${address}:${port}`), ...ssh].join(', ');
    },
    async do() {
      throw new Error('bug: the check of the ports always has an answer');
    },
  };
}

/** Nothing else needs this one: without it the node runs all the same, and git comes over HTTP only. Nobody listens there before somebody has a key. */
async function sshTrouble({listen, sshPort, data}: NodeSettings): Promise<readonly string[]> {
  if (sshPort === 0) return [];
  const port: WantedPort = {what: 'git over SSH', flag: '--ssh-port', address: listen, port: sshPort, protocol: 'tcp'};
  const trouble = await tryPort(port);
  if (trouble === undefined) return [`${listen}:${sshPort}`];
  if (trouble !== 'EADDRINUSE') return [`no git over SSH (${unusable(port, trouble)})`];
  const holder = await holderOfPort(port);
  if (holder !== undefined && (await argumentsOf(holder.pid)).some((argument) => argument.includes(`${data}/ssh/`))) return [`${listen}:${sshPort}`];
  return [`no git over SSH (${describeTaken({...port, ...(holder && {holder})})}: choose another one with --ssh-port)`];
}

/** Who listens where this node's parts do, as people read it. Throws `Failure` when somebody else does, or nobody. */
export async function demandOwnPorts(settings: NodeSettings, reconciler: number | undefined): Promise<string> {
  const wrong: string[] = [];
  const held: string[] = [];
  for (const port of wantedPorts(settings)) {
    const holder = await holderOfPort(port);
    if (holder !== undefined && (holder.pid === reconciler || await isOurs(holder, settings))) held.push(`${port.port} ${holder.pid === reconciler ? 'flynn' : holder.name}`);
    else wrong.push(holder === undefined ? `nobody listens on port ${port.port} (${port.what}) of ${port.address}` : describeTaken({...port, holder}));
  }
  if (wrong.length > 0) throw new Failure(wrong.join('; '), {advice: ['stop what holds a port of the node, or choose another one: flynn down, then flynn up with another flag', 'see what the node does about it: flynn status']});
  return [...new Set(held)].join(', ');
}

/** `port 80 (HTTP) on 127.0.0.1 is taken by nginx (process 812)` */
export function describeTaken({what, address, port, holder}: TakenPort): string {
  const by = holder === undefined ? 'a process that can not be seen from here' : `${holder.name} (process ${holder.pid})`;
  return `port ${port} (${what}) on ${address} is taken by ${by}`;
}

/** The first port from `port` on that is free for DNS; undefined when the next 50 are all taken. */
export async function freePortFrom(port: number): Promise<number | undefined> {
  for (let candidate = port; candidate < port + 50; candidate++) {
    const trouble = await Promise.all(DNS_SOCKETS.map((socket) => tryPort({...socket, port: candidate})));
    if (trouble.every((code) => code === undefined)) return candidate;
  }
  return undefined;
}

/** Told by the files that it was started with: the engine need not answer for that, and our containers outlive it. */
async function isOurs({pid, name}: ProcessName, {data}: NodeSettings): Promise<boolean> {
  if (name !== 'caddy' && name !== 'unbound') return false;
  return (await argumentsOf(pid)).some((argument) => argument.startsWith(`${data}/${name}/`));
}

function wantedPorts({listen, httpPort, httpsPort, apiPort, dnsPort}: NodeSettings): readonly WantedPort[] {
  return [
    {what: 'HTTP', flag: '--http-port', address: listen, port: httpPort, protocol: 'tcp'},
    {what: 'HTTPS', flag: '--https-port', address: listen, port: httpsPort, protocol: 'tcp'},
    {what: 'API', flag: '--api-port', address: '127.0.0.1', port: apiPort, protocol: 'tcp'},
    ...DNS_SOCKETS.map(({address, protocol}): WantedPort => ({what: 'DNS for the router', flag: DNS_FLAG, address, port: dnsPort, protocol})),
  ];
}

function advise(taken: readonly TakenPort[]): readonly string[] {
  const flags = taken.map(({flag, port}) => `${flag} ${port < 1024 ? port + 8000 : port + 10}`);
  return [`stop what holds ${taken.length === 1 ? 'it' : 'them'}, or choose others: flynn up ${[...new Set(flags)].join(' ')}`];
}

/** Undefined: it can be had. Asking the kernel is the only true test; /proc only tells who. */
function tryPort({address, port, protocol}: Pick<WantedPort, 'address' | 'port' | 'protocol'>): Promise<string | undefined> {
  return new Promise((resolve) => {
    const codeOf = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message);
    if (protocol === 'udp') {
      const socket = createSocket('udp4').once('error', codeOf);
      socket.bind({address, port, exclusive: true}, () => socket.close(() => resolve(undefined)));
      return;
    }
    const server = createServer().once('error', codeOf);
    server.listen({host: address, port, exclusive: true}, () => server.close(() => resolve(undefined)));
  });
}

function unusable({what, flag, address, port}: WantedPort, code: string): string {
  if (code === 'EADDRNOTAVAIL') return `'${address}' is not an address of this machine: choose another with --listen`;
  return `port ${port} (${what}) on ${address} can't be used (${code}): choose another with ${flag}`;
}
