import {NAME_PATTERN} from './names.ts';

/** What somebody may do, each with everything that those before it may. */
export const ROLES = ['viewer', 'deployer', 'maintainer', 'admin'] as const;

export type Role = (typeof ROLES)[number];

export const roleSchema = {enum: ROLES, errorMessage: `must be a role: ${ROLES.join(', ')}`} as const;

/** By app. Being an admin is a matter of the whole cluster. */
export type AppRoles = Readonly<Record<string, Exclude<Role, 'admin'>>>;

export const appRolesSchema = {
  type: 'object',
  propertyNames: {pattern: NAME_PATTERN, errorMessage: 'must be the name of an app'},
  additionalProperties: {enum: ROLES.slice(0, -1), errorMessage: `must be a role for an app: ${ROLES.slice(0, -1).join(', ')} (an admin is one of the whole cluster: \`role: admin\`)`},
  description: 'Roles for single apps.',
  examples: [{shop: 'deployer'}],
} as const;

/** The one of two that may more. */
export function higherRole(one: Role | undefined, other: Role | undefined): Role | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return ROLES.indexOf(one) >= ROLES.indexOf(other) ? one : other;
}

export function lowerRole(one: Role, other: Role): Role {
  return higherRole(one, other) === one ? other : one;
}

/** Whether a role is enough where `needed` is the lowest one. */
export function isEnough(role: Role | undefined, needed: Role): boolean {
  return role !== undefined && ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
