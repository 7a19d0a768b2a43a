import {besidesOf, portOf, type ServiceManifest} from '../../schemas/app.ts';
import {checkSingle, type ContainerManifest, type Rights} from '../../schemas/container.ts';
import {bytesOf} from '../../schemas/quantity.ts';
import type {Problem} from '../../schemas/schema.ts';
import {CLUSTER_FILE} from './cluster.ts';
import type {ContainerTemplate} from './state.ts';

const DOCKER_SOCKET = '/var/run/docker.sock';

/**
 * What services ask for that would let them out of their container, and that `policy` in cluster.yaml does not allow their app. The two
 * files have other owners: whoever may change an app's manifest can't give it these rights.
 */
export function problemsOfRights(app: string, services: Readonly<Record<string, ServiceManifest>>, policy: Readonly<Record<string, Rights>>): readonly Problem[] {
  const rights = Object.hasOwn(policy, app) ? policy[app] ?? {} : {};
  return Object.entries(services).flatMap(([name, service]) => {
    const refused = wishesOf(service).filter(({isAllowed}) => !isAllowed(rights)).map(({path, what, why, rule}): Problem => ({
      path: ['services', name, ...path],
      message: `${what} is not allowed: ${why}. Whoever answers for the cluster can allow it in ${CLUSTER_FILE}: \`policy: {${app}: {${rule}}}\``,
    }));
    return [...refused, ...problemsOfHostPort(name, service)];
  });
}

function problemsOfHostPort(name: string, service: ServiceManifest): readonly Problem[] {
  if (service.hostNetwork !== true || portOf(name, service) === undefined) return [];
  return checkSingle(besidesOf(name, service), ['services', name, 'hostNetwork'], {what: "a service on the node's network", why: 'two at once would want the same port'});
}

/** The part of the template that a service's wishes make; nothing of it when it has none. */
export function wishedTemplate({volumes, tmpfs, readOnlyRoot, privileged, capabilities = [], hostNetwork, hostPaths = {}, dockerSocket}: ContainerManifest): Partial<ContainerTemplate> {
  const hostMounts = [
    ...sorted(hostPaths).map(([source, {path: target, readOnly = false}]) => ({source, target, isReadOnly: readOnly})),
    ...(dockerSocket === true ? [{source: DOCKER_SOCKET, target: DOCKER_SOCKET, isReadOnly: false}] : []),
  ];
  return {
    ...(volumes !== undefined && Object.keys(volumes).length > 0 && {volumes: sorted(volumes).map(([name, {path}]) => ({name, path}))}),
    ...(tmpfs !== undefined && Object.keys(tmpfs).length > 0 && {tmpfs: sorted(tmpfs).map(([path, size]) => ({path, sizeBytes: bytesOf(size)}))}),
    ...(readOnlyRoot === true && {isRootReadOnly: true}),
    ...(privileged === true && {isPrivileged: true}),
    ...(capabilities.length > 0 && {capabilities: capabilities.toSorted()}),
    ...(hostNetwork === true && {isOnHostNetwork: true}),
    ...(hostMounts.length > 0 && {hostMounts}),
  };
}

interface Wish {
  readonly path: Problem['path'];
  readonly what: string;
  readonly why: string;
  /** How the policy would say it. */
  readonly rule: string;
  isAllowed(rights: Rights): boolean;
}

function wishesOf({privileged, capabilities = [], hostNetwork, hostPaths = {}, dockerSocket}: ContainerManifest): readonly Wish[] {
  const wishes: Wish[] = [];
  if (privileged === true) wishes.push({path: ['privileged'], what: 'privileged', why: 'it gives the app all rights on the node', rule: 'privileged: true', isAllowed: (rights) => rights.privileged === true});
  for (const [index, name] of capabilities.entries()) {
    wishes.push({path: ['capabilities', index], what: `the capability ${name}`, why: 'containers keep a short list of rights only', rule: `capabilities: [${name}]`, isAllowed: (rights) => rights.capabilities?.includes(name) === true});
  }
  if (hostNetwork === true) wishes.push({path: ['hostNetwork'], what: 'hostNetwork', why: 'it shows the app the ports of the node and of all other apps', rule: 'hostNetwork: true', isAllowed: (rights) => rights.hostNetwork === true});
  for (const source of Object.keys(hostPaths)) {
    // Exactly this path: below an allowed folder the app could put a link to anywhere.
    wishes.push({path: ['hostPaths', source], what: `the host path "${source}"`, why: 'it is a part of the node, not of the app', rule: `hostPaths: [${source}]`, isAllowed: (rights) => rights.hostPaths?.includes(source) === true});
  }
  if (dockerSocket === true) wishes.push({path: ['dockerSocket'], what: 'dockerSocket', why: 'whoever may talk to the engine may do everything on the node', rule: 'dockerSocket: true', isAllowed: (rights) => rights.dockerSocket === true});
  return wishes;
}

function sorted<Value>(record: Readonly<Record<string, Value>>): readonly (readonly [string, Value])[] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
