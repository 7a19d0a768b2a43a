import {loadManifest} from '../../schemas/load.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {setScalar} from './yaml-edit.ts';

const TEMPLATE = '# yaml-language-server: $schema=../.flynn/schemas/node.schema.json\napiVersion: flynn/v1\nkind: Node\n';

/** Writes down what a node signs its commits with. */
export function setSigningKey(node: string, publicKey: string): Edit {
  return (read) => {
    const file = `nodes/${node}.yaml`;
    const original = read(file) ?? TEMPLATE;
    const before = loadManifest('Node', file, original);
    if (before.ok && before.value.signingKey === publicKey) return {};
    const text = setScalar(original, ['signingKey'], publicKey);
    const after = text === undefined ? undefined : loadManifest('Node', file, text);
    if (text === undefined || after?.ok !== true || after.value.signingKey !== publicKey) throw new EditRefused(`${file} can't be edited by a tool: set signingKey to "${publicKey}" by hand`);
    return {[file]: text};
  };
}
