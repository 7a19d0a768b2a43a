import {isIPv4} from 'node:net';
import type {AppName, ServiceName} from '../../schemas/ids.ts';

/** Names of our own making are below this: services, and what SRV records point to. */
export const OUR_ZONE = 'flynn.internal';

// All but services have a label with `_`, which no host has: `_http._tcp.<any host>` can never be below one of them.
/** Its text says which table the DNS server has: missing while the table is being changed. */
export const GENERATION_NAME = `_generation.${OUR_ZONE}`;
/** Where names without replicas point to. It has no address, so that Caddy can't connect and holds the request. */
export const NOWHERE_NAME = `_none.${OUR_ZONE}`;
const ADDRESS_ZONE = `_ip.${OUR_ZONE}`;
const TARGET = /^a-(\d+)-(\d+)-(\d+)-(\d+)\._ip\.flynn\.internal\.?$/;

/** SRV name of a plain host. Caddy asks for it whenever somebody comes with this Host header; for a wildcard, with any that has no nearer name. */
export function hostName(host: string): string {
  return `${HOST_PREFIX}${host}`;
}

const HOST_PREFIX = '_http._tcp.';

/** The host, or wildcard, whose name this is; undefined for other names. */
export function hostOf(name: string): string | undefined {
  return name.startsWith(HOST_PREFIX) ? name.slice(HOST_PREFIX.length) : undefined;
}

/** `*` or `*.example.com`. */
export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/** Whether a wildcard is for this host, or for this other wildcard, as well: `a.b.example.com` is below `*.example.com`, `example.com` is not. */
export function isBelow(host: string, wildcard: string): boolean {
  return host !== wildcard && host.endsWith(wildcard.slice(1));
}

/** SRV name of one service of an app. No Host header leads here: those are always asked for as `_http._tcp.…`. */
export function serviceName(service: string, app: string): string {
  return `_svc._tcp.${service}.${app}.${OUR_ZONE}`;
}

/** Of whatever is made of them. */
export function serviceNamesIn(structure: object): readonly string[] {
  return [...new Set(JSON.stringify(structure).match(/_svc\._tcp\.[a-z0-9.-]+/g))];
}

/** SRV name of several services that share requests. A label more than a service's, so that it can't be one. */
export function splitName(id: string, app: string): string {
  return `_svc._tcp.${id}.split.${app}.${OUR_ZONE}`;
}

/** What the engine answers to containers on one network: all copies of a service that are on it. */
export function internalName(service: string, app: string): string {
  return `${service}.${app}.internal`;
}


/** SRV name of a service that ports of the node lead to. */
export function streamName(service: string, app: string): string {
  return `${STREAM_PREFIX}${service}.${app}.${OUR_ZONE}`;
}

export function isStreamName(name: string): boolean {
  return name.startsWith(STREAM_PREFIX);
}

/** Which service of which app such a name is of. */
export function serviceOfStream(name: string): {readonly service: ServiceName; readonly app: AppName} | undefined {
  const [, service, app] = STREAM.exec(name) ?? [];
  // Both stood in a name that was made of them.
  return service === undefined || app === undefined ? undefined : {service: service as ServiceName, app: app as AppName};
}

const STREAM = /^_stream\._tcp\.([^.]+)\.([^.]+)\.flynn\.internal$/;
const STREAM_PREFIX = '_stream._tcp.';

/** SRV records point to names, never to addresses (RFC 2782): each address gets one that spells it. */
export function targetName(address: string): string {
  if (!isIPv4(address)) throw new Error(`bug: "${address}" is not an IPv4 address`);
  return `a-${address.replaceAll('.', '-')}.${ADDRESS_ZONE}`;
}

/** The address that a name of `targetName` spells, or undefined for any other name. */
export function addressOf(target: string): string | undefined {
  const address = TARGET.exec(target)?.slice(1).join('.');
  return address !== undefined && isIPv4(address) ? address : undefined;
}

/** Lower case letters, digits and `-` in labels of at most 63 bytes, 240 in all: `_http._tcp.` has to fit in front of it. */
export function isHost(host: string): boolean {
  return host.length <= HOST_LENGTH_MAX && HOST.test(host);
}

/** A host, or `*.` before one, or `*`. */
export function isHostOrWildcard(host: string): boolean {
  return host === '*' || isHost(host.startsWith('*.') ? host.slice(2) : host);
}

const HOST_LENGTH_MAX = 240;
const HOST = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
