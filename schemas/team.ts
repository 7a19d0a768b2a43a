import {NAME_PATTERN} from './names.ts';
import {ownsSchema, teamQuotaSchema, type TeamQuotaManifest} from './quota.ts';
import {appRolesSchema, roleSchema, type AppRoles, type Role} from './roles.ts';
import {headerProperties, type Header, type ObjectSchema} from './schema.ts';

/** People who share roles: `teams/<team>.yaml`. */
export interface TeamManifest extends Header<'Team'> {
  /** Names of files below `people/`. */
  readonly members: readonly string[];
  /** For the whole cluster. */
  readonly role?: Role;
  readonly apps?: AppRoles;
  /** Names of apps, or beginnings of names with a star, that count for its quota. */
  readonly owns?: readonly string[];
  readonly quota?: TeamQuotaManifest;
}

export const teamSchema: ObjectSchema<TeamManifest> = {
  title: 'Team',
  description: 'People of a Flynn cluster who share roles: teams/<team>.yaml.',
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind', 'members'],
  properties: {
    ...headerProperties('Team'),
    members: {type: 'array', uniqueItems: true, maxItems: 1000, items: {type: 'string', pattern: NAME_PATTERN, errorMessage: 'must be the name of a person: a file of people/ without .yaml'}, description: 'People, by the names of their files.', examples: [['ann', 'bob']]},
    role: {...roleSchema, description: 'For the whole cluster. Default: none.'},
    apps: appRolesSchema,
    owns: {...ownsSchema, description: 'Apps that count for its quota, each of one team only. It gives no rights.', examples: [['shop', 'web-*']]},
    quota: teamQuotaSchema,
  },
  examples: [{apiVersion: 'flynn/v1', kind: 'Team', members: ['ann', 'bob'], apps: {shop: 'deployer'}, owns: ['shop', 'web-*'], quota: {apps: 10, replicas: 40, memory: '16Gi'}}],
};
