import {NAME_PATTERN} from '../../../schemas/names.ts';
import {identitiesSchema, providerSchema} from '../../../schemas/oidc.ts';
import {appRolesSchema, roleSchema} from '../../../schemas/roles.ts';
import {teamSchema} from '../../../schemas/team.ts';
import {commit, question, type Operations} from './operation.ts';
import {bodyOf, listOf, ref, text} from './schema.ts';

const NAME = {pattern: NAME_PATTERN, errorMessage: 'must be small letters, digits and inner dashes, at most 30 characters'};
const NAMES = teamSchema.properties.members;

const IDENTITY = identitiesSchema.items;
const {subject, issuer} = IDENTITY.properties;

/** Identity providers, and who people are there. */
export const IDENTITY_OPERATIONS: Operations = {
  'GET /login': question('people', 'Show how people can log in', ref('LoginWays'), {isOpen: true}),
  'GET /v1/oidc': question('people', 'Show the identity provider, and ask all that somebody is known by', ref('Oidc')),
  'POST /v1/oidc': commit('people', 'Set the identity provider that people sign in with', ref('Written'), {body: bodyOf(providerSchema.properties, ['issuer', 'clientId'])}),
  'POST /v1/oidc/remove': commit('people', 'Let nobody sign in with an identity provider', ref('Written')),
  'POST /v1/people/:user/identities': commit('people', 'Say who a person is at an identity provider', ref('Written'), {body: bodyOf(IDENTITY.properties, ['subject'])}),
  'POST /v1/people/:user/identities/remove': commit('people', 'Take that back', ref('Written'), {body: bodyOf({subject, issuer}, ['subject'])}),
};

/** Null takes a role away; what is not named stays. */
const ROLES = {
  ...bodyOf({
    role: {...roleSchema, enum: [...roleSchema.enum, null], errorMessage: `${roleSchema.errorMessage}, or null`, description: 'For the whole cluster.'},
    apps: {...appRolesSchema, additionalProperties: {...appRolesSchema.additionalProperties, enum: [...appRolesSchema.additionalProperties.enum, null]}, description: 'For single apps.', examples: [{shop: 'deployer', blog: null}]},
  }),
  description: 'What changes; null takes a role away.', minProperties: 1,
};

/** Teams, and roles of teams and people. */
export const TEAM_OPERATIONS: Operations = {
  'GET /v1/teams': question('people', 'List teams with their members and roles', listOf(ref('Team')), {pages: {key: ['name']}, hasEtag: true}),
  'GET /v1/teams/:team': question('people', 'Show a team', ref('Team'), {hasEtag: true}),
  'POST /v1/teams': commit('people', 'Make a team', ref('Written'), {body: bodyOf({team: text('Name of the file in teams/.', NAME), members: NAMES, role: teamSchema.properties.role, apps: teamSchema.properties.apps}, ['team'])}),
  'POST /v1/teams/:team/remove': commit('people', 'Remove a team', ref('Written')),
  'POST /v1/teams/:team/members': commit('people', 'Change who is in a team', ref('Written'), {body: {...bodyOf({add: {...NAMES, description: 'Who is in it from now on.'}, remove: {...NAMES, description: 'Who is not in it any more.'}}), minProperties: 1}}),
  'POST /v1/teams/:team/roles': commit('people', 'Change the roles of a team', ref('Written'), {body: ROLES}),
  'POST /v1/people/:user/roles': commit('people', 'Change the roles of a person', ref('Written'), {body: ROLES}),
};
