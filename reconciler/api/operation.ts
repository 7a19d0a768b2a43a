import {randomUUID} from 'node:crypto';
import type {FastifyRequest} from 'fastify';
import {OPERATOR, type Principal} from './authenticate.ts';
import {readOperationId} from './read.ts';

/**
 * What a repetition of this request is known by. Everybody has keys of his own: they stand in commits, where others can read them, and with somebody else's
 * one would get what he was answered.
 */
export function operationIdOf({headers}: Pick<FastifyRequest, 'headers'>, {user}: Pick<Principal, 'user'>): string {
  const key = readOperationId(headers['idempotency-key']);
  if (key === undefined) return randomUUID();
  // No user's name has a dot.
  return user === OPERATOR ? key : `${user}.${key}`;
}
