import {createHash} from 'node:crypto';
import type {SpecHash} from '../../schemas/ids.ts';
import type {ContainerSpec} from '../adapters/engine.ts';
import type {DesiredSystem} from '../desired/state.ts';
import {LABEL_INSTANCE, LABEL_ROLE, LABEL_SHIFT, LABEL_SPEC} from '../labels.ts';
import type {Layout} from '../layout.ts';
import type {NodeSettings} from '../settings.ts';
import {sshFiles} from '../ssh/files.ts';
import {renderSshdConfig, SSHD} from '../ssh/sshd-config.ts';
import {loggedCommand} from './connection-log.ts';
import {routerFiles, shiftLayout, type RouterLayout} from './files.ts';
import {renderUnboundConfig} from './unbound-config.ts';

export interface SystemContainer {
  readonly settings: Pick<NodeSettings, 'dnsPort' | 'listen' | 'sshPort'>;
  readonly layout: RouterLayout & Pick<Layout, 'ssh'>;
  /** Holds `caddy`, `unbound`, `haproxy` and `sshd`: a tag, or better an id, so that a newer image replaces the container. */
  readonly image: string;
  /** `instanceOf(data)` */
  readonly instance: string;
}

/** The platform's own containers, and what is wanted of them. */
export function systemOf(container: SystemContainer): {readonly system: readonly DesiredSystem[]; systemSpec(role: DesiredSystem['role'], shift: number): ContainerSpec} {
  const systemSpec = (role: DesiredSystem['role'], shift: number) => SPECS[role](container, shift);
  const roles = ['dns', 'router', 'tcp', ...(container.settings.sshPort === 0 ? [] : ['ssh'])] as readonly DesiredSystem['role'][];
  // The DNS server first: Caddy can't route without it.
  const system = roles.map((role) => ({role, specHash: (systemSpec(role, 0).labels[LABEL_SPEC] ?? '') as SpecHash}));
  return {system, systemSpec};
}

const SPECS: Readonly<Record<DesiredSystem['role'], (container: SystemContainer, shift: number) => ContainerSpec>> = {
  dns: dnsContainerSpec, router: routerContainerSpec, tcp: tcpContainerSpec, ssh: sshContainerSpec,
};

const LOG_BYTES_MAX = 10 * 1024 * 1024;

/**
 * Caddy: `<instance>-router-<shift>`. Its label LABEL_SPEC is the hash that `DesiredSystem` wants, the same for all shifts. The engine is told to
 * start it again by itself once it has taken over.
 */
export function routerContainerSpec(container: SystemContainer, shift: number): ContainerSpec {
  const {name, labels, ...spec} = routerSpec(container, shift);
  return {...spec, name: `${name}-${shift}`, restart: 'never', labels: {...labels, [LABEL_SPEC]: routerSpec(container, 0).labels[LABEL_SPEC] ?? '', [LABEL_SHIFT]: String(shift)}};
}

function routerSpec({layout, image, instance}: SystemContainer, shift: number): ContainerSpec {
  const {caddyConfig} = routerFiles(shiftLayout(layout, shift));
  return systemSpec({
    name: `${instance}-router`,
    instance,
    role: 'router',
    image,
    command: ['caddy', 'run', '--config', caddyConfig],
    // Its heap grows to five times of what is in use before it is cleaned up, not two: some 15 % less CPU a request, 20 MB more under load.
    env: {HOME: layout.caddy, XDG_CONFIG_HOME: layout.caddy, XDG_DATA_HOME: layout.caddy, GOGC: '400'},
    folder: layout.caddy,
    // Another configuration is another shift.
    restartsFor: '',
  });
}

/** unbound: `<instance>-dns`. */
export function dnsContainerSpec({settings, layout, image, instance}: SystemContainer): ContainerSpec {
  const files = routerFiles(layout);
  return systemSpec({
    name: `${instance}-dns`,
    instance,
    role: 'dns',
    image,
    command: ['unbound', '-d', '-c', files.unboundConfig],
    env: {},
    folder: layout.unbound,
    restartsFor: renderUnboundConfig(settings, files),
  });
}

/** HAProxy: `<instance>-tcp-<shift>`. A master that outlives its workers: a new configuration gets a new worker, the old one ends with its last connection. */
export function tcpContainerSpec({layout, image, instance}: SystemContainer, shift: number): ContainerSpec {
  const {haproxyConfig, haproxyMasterSocket, haproxyLog} = routerFiles(layout);
  const {name, labels, ...spec} = systemSpec({
    name: `${instance}-tcp`,
    instance,
    role: 'tcp',
    image,
    command: loggedCommand(haproxyLog, ['haproxy', '-W', '-S', `${haproxyMasterSocket},mode,600`, '-f', haproxyConfig]),
    env: {},
    folder: layout.haproxy,
    // Ports are loaded into the running HAProxy.
    restartsFor: '',
  });
  return {...spec, name: `${name}-${shift}`, labels: {...labels, [LABEL_SHIFT]: String(shift)}};
}

/** What sshd needs to become the user that it lets in, to shut itself in before, and to end whom it let in. AUDIT_WRITE: Debian's ends a login that it can't note. */
const SSHD_CAPABILITIES = ['SETUID', 'SETGID', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'];
/** Some 100 pushes at once, each with three processes. */
const SSHD_PIDS_MAX = 500;

/** OpenSSH: `<instance>-ssh`. Who has which key it reads anew at each login. */
export function sshContainerSpec({settings: {listen, sshPort}, layout, image, instance}: SystemContainer): ContainerSpec {
  const files = sshFiles(layout);
  return systemSpec({
    name: `${instance}-ssh`,
    instance,
    role: 'ssh',
    image,
    command: [SSHD, '-D', '-e', '-f', files.config],
    env: {},
    folder: files.box,
    restartsFor: renderSshdConfig({listen, port: sshPort}, files),
    capabilities: SSHD_CAPABILITIES,
    pidsMax: SSHD_PIDS_MAX,
  });
}

interface SystemParts {
  readonly name: string;
  readonly instance: string;
  readonly role: DesiredSystem['role'];
  readonly image: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Whatever else is read at the start only. */
  readonly restartsFor: string;
  /** Beside the one that all have. */
  readonly capabilities?: readonly string[];
  readonly pidsMax?: number;
}

/**
 * Root in the container, but with one capability only (sshd has some more): to listen on ports below 1024. `always`: after a crash or a
 * reboot the engine starts it without us, from its own files.
 */
function systemSpec({name, instance, role, image, command, env, folder, restartsFor, capabilities = [], pidsMax = 0}: SystemParts): ContainerSpec {
  const spec: Omit<ContainerSpec, 'labels'> = {
    name,
    image,
    command,
    env,
    network: 'host',
    mounts: [{source: folder, target: folder, isReadOnly: false}],
    memoryBytes: 0,
    cpus: 0,
    pidsMax,
    capabilities: ['NET_BIND_SERVICE', ...capabilities],
    restart: 'always',
    logBytesMax: LOG_BYTES_MAX,
  };
  const hash = createHash('sha256').update(JSON.stringify([spec, restartsFor])).digest('hex').slice(0, 16);
  return {...spec, labels: {[LABEL_INSTANCE]: instance, [LABEL_ROLE]: role, [LABEL_SPEC]: hash}};
}
