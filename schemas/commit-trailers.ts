import program from '../package.json' with {type: 'json'};

/** By which a retry finds its own commit. */
export const OPERATION_TRAILER = 'Flynn-Operation';
/** Which program has edited the files, and of which version. */
const TOOL_TRAILER = 'Flynn-Tool';

/** The last lines of the message of a commit that this program makes. `where`: of one that no cluster has made. */
export function commitTrailers(operationId: string, where = ''): string {
  return `${TOOL_TRAILER}: ${program.name}/${program.version}${where}\n${OPERATION_TRAILER}: ${operationId}`;
}
