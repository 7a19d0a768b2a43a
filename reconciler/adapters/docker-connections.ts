import type Docker from 'dockerode';
import {ENGINE_CALL_MS_MAX, engineCall, hasStatus} from './docker-client.ts';
import {NetworkMissing, type Connection} from './engine.ts';

/** What the engine says when there is nothing to be done, with status 403 or 500 (26.1.5). */
const IS_CONNECTED = /already exists in network/;
const IS_NOT_CONNECTED = /is not connected to/;

/**
 * Puts a container on one network more, be it running or only made. Nothing is done to one that is on it, or gone.
 * @throws {NetworkMissing}
 */
export async function connectContainer(docker: Docker, {id, network: {name, aliases}}: {readonly id: string; readonly network: Connection}, signal: AbortSignal): Promise<void> {
  const options = {Container: id, EndpointConfig: {Aliases: [...aliases]}};
  try {
    await engineCall(`connect to ${name}`, (abortSignal) => docker.getNetwork(name).connect({...options, abortSignal} as Docker.NetworkConnectOptions), {ms: ENGINE_CALL_MS_MAX, signal});
  } catch (error) {
    if (hasStatus(error, 404) && /network .* not found/i.test(String(error))) throw new NetworkMissing(`there is no network "${name}"`, {cause: error});
    if (!hasStatus(error, 404) && !IS_CONNECTED.test(String(error))) throw error;
  }
}

/** Takes a running container off a network. Nothing is done to one that is not on it, nor when container or network are gone. */
export async function disconnectContainer(docker: Docker, {id, network}: {readonly id: string; readonly network: string}, signal: AbortSignal): Promise<void> {
  try {
    await engineCall(`disconnect from ${network}`, (abortSignal) => docker.getNetwork(network).disconnect({Container: id, Force: true, abortSignal} as object), {ms: ENGINE_CALL_MS_MAX, signal});
  } catch (error) {
    if (!hasStatus(error, 404) && !IS_NOT_CONNECTED.test(String(error))) throw error;
  }
}
