import {isDeepStrictEqual} from 'node:util';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import type {PortRange} from '../../schemas/router.ts';
import {hasPort} from '../../schemas/tcp.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {appFile, mustLoad, mustRead} from './edits.ts';
import {setScalar} from './yaml-edit.ts';

/** Gives each TCP route of an app that names no port the first free one of the range. `taken`: ports of all apps. */
export function choosePorts(app: AppName, {range, taken}: {readonly range: PortRange; readonly taken: ReadonlySet<number>}): Edit {
  return (read) => {
    const file = appFile(app);
    let text = mustRead(read, app);
    const {tcp = []} = mustLoad(file, text);
    const used = new Set([...taken, ...tcp.filter(hasPort).map(({port}) => port)]);
    const routes = tcp.map((route) => {
      if (hasPort(route)) return route;
      const port = firstFree(range, used);
      used.add(port);
      return {...route, port};
    });
    for (const [index, {port}] of routes.entries()) {
      if (tcp[index]?.port !== port) text = setScalar(text, ['tcp', String(index), 'port'], port) ?? text;
    }
    const after = loadManifest('App', file, text);
    if (!after.ok || !isDeepStrictEqual(after.value.tcp ?? [], routes)) {
      const missing = routes.filter((_, index) => tcp[index]?.port === undefined).map(({service, port}) => `${port} for ${service}`);
      throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is shared or written: set the ports of its TCP routes by hand (free are ${missing.join(', ')})`);
    }
    return {[file]: text};
  };
}

function firstFree({first, last}: PortRange, used: ReadonlySet<number>): number {
  for (let port = first; port <= last; port += 1) if (!used.has(port)) return port;
  throw new EditRefused(`no port is free from ${first} to ${last}: give apps fewer, or make \`router.tcpPorts\` in cluster.yaml larger`);
}
