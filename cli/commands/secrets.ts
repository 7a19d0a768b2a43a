import type {ForgottenKeys, RotatedSecrets, SecretsAnswer} from '../../reconciler/api/config-answers.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {group, type Subcommand} from '../subcommands.ts';

const list: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const {secrets, problems, ...keys} = await (await context.client()).get<SecretsAnswer>('/v1/secrets', signal);
    const shown = secrets.filter(({app}) => context.appFlag === undefined || app === context.appFlag);
    if (context.isJson) {
      context.out(JSON.stringify({...keys, secrets: shown, problems}, null, 2));
      return 0;
    }
    for (const line of table(shown.map(({app, service, name, problem}) => [app, service ?? '(all)', name, problem === undefined ? '' : `can't be decrypted: ${problem}`]))) context.out(line);
    for (const problem of problems) context.err(problem);
    if (shown.length === 0) context.err('no secrets yet: flynn env set --secret');
    return 0;
  },
};

const rotate: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const rotated = await (await context.client()).post<RotatedSecrets>('/v1/secrets/rotate', {}, signal);
    const {isNew, message, commit, values, recipient, stayed} = rotated;
    context.err(`${isNew ? 'Committed' : 'Already in git:'} "${message}" ${commit.slice(0, 8)}`);
    for (const one of stayed) context.err(`warning: stays as it was: ${one}`);
    if (context.isJson) context.out(JSON.stringify(rotated, null, 2));
    else context.out(recipient);
    context.err(`${values === 1 ? '1 value is' : `${values} values are`} encrypted to this key now; nothing is deployed for it`);
    context.err('the old key stays on the node, for going back to older commits. To forget it: flynn secrets forget');
    return stayed.length === 0 ? 0 : 1;
  },
};

const forget: Subcommand = {
  usage: '[--yes]',
  async run(args, context, signal) {
    const {values: {yes}} = parseFlags(args, {yes: {type: 'boolean', short: 'y', default: false}});
    if (!yes && !await context.confirm('Older commits of secrets can\'t be gone back to without the old keys. Forget them for ever?', signal)) {
      context.err('nothing was forgotten');
      return 1;
    }
    const answer = await (await context.client()).post<ForgottenKeys>('/v1/secrets/forget', {}, signal);
    if (context.isJson) context.out(JSON.stringify(answer, null, 2));
    else for (const key of answer.forgotten) context.out(key);
    context.err(answer.forgotten.length === 0 ? 'there are no old keys' : `${answer.forgotten.length === 1 ? '1 old key is' : `${answer.forgotten.length} old keys are`} forgotten`);
    return 0;
  },
};

export const secrets = group({
  name: 'secrets',
  summary: 'List the names of secrets, and change the key that they are encrypted to',
  details: [
    'Values are set with `flynn env set --secret`, and can\'t be read back.',
    '',
    '  rotate   a new key for this node: all values are encrypted anew, in one commit. Nothing is deployed for it',
    '  forget   removes the node\'s old keys, once nothing that runs or is in git needs them',
  ],
  examples: ['flynn secrets', 'flynn secrets -a shop', 'flynn secrets rotate'],
  subcommands: {rotate, forget},
  otherwise: list,
});
