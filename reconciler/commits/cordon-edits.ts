import {isDeepStrictEqual} from 'node:util';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest} from '../../schemas/load.ts';
import type {NodeManifest} from '../../schemas/node.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {removeKey, setScalar} from './yaml-edit.ts';

/** Whether a node starts nothing new, and whether it keeps what it has. What is absent stays. */
export type NodeWish = Pick<NodeManifest, 'cordon' | 'drain'>;

const NEW = '# yaml-language-server: $schema=../.flynn/schemas/node.schema.json\napiVersion: flynn/v1\nkind: Node\n';

export function nodeFile(node: string): string {
  return `nodes/${node}.yaml`;
}

/** Closes a node, or opens it: a line each. A node that has no file yet gets one. */
export function setNode(node: string, wish: NodeWish): Edit {
  return (read) => {
    const file = nodeFile(node);
    const original = read(file) ?? NEW;
    const before = mustLoad(file, original);
    let text: string | undefined = original;
    let wanted = before;
    for (const field of ['cordon', 'drain'] as const) {
      const isOn = wish[field];
      if (isOn === undefined || (before[field] ?? false) === isOn) continue;
      const {[field]: _, ...rest} = wanted;
      wanted = isOn ? {...rest, [field]: true} : rest;
      text = text === undefined ? undefined : isOn ? setScalar(text, [field], true) : removeKey(text, [field]);
    }
    if (wanted === before) return {};
    if (text !== undefined && isDeepStrictEqual(mustLoad(file, text), wanted)) return {[file]: text};
    throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is written: set ${Object.entries(wish).map(([field, isOn]) => `${field} to ${isOn}`).join(' and ')} by hand`);
  };
}

function mustLoad(file: string, text: string): NodeManifest {
  const loaded = loadManifest('Node', file, text);
  if (!loaded.ok) throw new EditRefused(loaded.problem.map(formatDiagnostic).join('\n'));
  return loaded.value;
}
