import type {OidcAnswer, Written} from '../../reconciler/api/answers.ts';
import {UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {tellWritten} from '../written.ts';

const show: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const answer = await (await context.client()).get<OidcAnswer>('/v1/oidc', signal);
    const {provider, issuers} = answer;
    if (context.isJson) context.out(JSON.stringify(answer, null, 2));
    else if (provider === undefined && issuers.length === 0) context.err('no identity provider: people have tokens and SSH keys');
    else for (const line of table([['issuer', 'client', 'state'], ...rowsOf(answer)])) context.out(line);
    return 0;
  },
};

const set: Subcommand = {
  usage: '<issuer> <client id> [--public-client-secret <secret>]',
  async run(args, context, signal) {
    const {values: {'public-client-secret': publicClientSecret}, words: [issuer, clientId]} = parseFlags(args, {'public-client-secret': {type: 'string'}}, {wordsMax: 2});
    if (issuer === undefined || clientId === undefined) throw new UsageError('which one? it has to be like flynn oidc set https://login.example.com flynn');
    return tellWritten(await (await context.client()).post<Written>('/v1/oidc', {issuer, clientId, ...(publicClientSecret !== undefined && {publicClientSecret})}, signal), context);
  },
};

const remove: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    return tellWritten(await (await context.client()).post<Written>('/v1/oidc/remove', {}, signal), context);
  },
};

export const oidc = group({
  name: 'oidc',
  summary: 'Show, set or remove the identity provider (OpenID Connect) that people sign in with',
  details: [
    'Then `flynn login <url of the API>` signs in there; who is who is `flynn people identity`. The list has the other issuers too that somebody is known by.',
    'set      the command line has to be a public client there: native, with PKCE; for the device flow, or with the redirect URI http://127.0.0.1/callback',
    '--public-client-secret   only for providers such as Google that give installed programs one; everybody can read it',
  ],
  examples: ['flynn oidc', 'flynn oidc set https://login.example.com/realms/acme flynn', 'flynn oidc remove'],
  subcommands: {set, remove},
  otherwise: show,
});

/** The provider, then the others. One that was just named, or where nobody is anybody yet, may not have been asked. */
function rowsOf({provider, issuers}: OidcAnswer): readonly (readonly string[])[] {
  const names = [...new Set([...(provider === undefined ? [] : [provider.issuer]), ...issuers.map(({issuer}) => issuer)])];
  return names.map((name) => {
    const asked = issuers.find(({issuer}) => issuer === name);
    const state = asked === undefined ? 'not asked yet' : asked.problem ?? `answers (${asked.keys === 1 ? '1 key' : `${asked.keys ?? 0} keys`})`;
    return [name, name === provider?.issuer ? provider.clientId : '', state];
  });
}
