import {problemOfValue} from '../../schemas/variables.ts';
import type {EnvRequest} from './config-answers.ts';
import {ApiError} from './problem.ts';

const VARIABLES_MAX = 500;

/** What the schema of the body can't say: of all names together, and of values beside their names. What is asked for is never repeated in a refusal, but for names. */
export function checkEnvRequest({set = {}, unset = []}: EnvRequest): void {
  const names = [...Object.keys(set), ...unset];
  if (names.length === 0) throw new ApiError(400, 'the body has to be a JSON object with "set" or "unset"');
  if (names.length > VARIABLES_MAX) throw new ApiError(400, `${names.length} variables at once are too many: at most ${VARIABLES_MAX}`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new ApiError(400, `${twice} is there twice`);
  for (const [name, value] of Object.entries(set)) {
    const problem = problemOfValue(name, value);
    if (problem !== undefined) throw new ApiError(400, problem);
  }
}
