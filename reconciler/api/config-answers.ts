import type {AppName} from '../../schemas/ids.ts';
import type {Written} from './answers.ts';

/** Variables of an app or of a service: values of those that are plain, names of those that are secrets. */
export interface Variables {
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/** `GET /v1/apps/:app/env`: what git says, whatever runs. Values of secrets are in no answer. */
export interface EnvAnswer extends Variables {
  /** Services with variables of their own. */
  readonly services: Readonly<Record<string, Variables>>;
}

/** The body of `POST /v1/apps/:app/env`. */
export interface EnvRequest {
  readonly set?: Readonly<Record<string, string>>;
  readonly unset?: readonly string[];
  /** Absent: for all services. */
  readonly service?: string;
  /** Encrypt what is set. What is a secret already stays one in any case. */
  readonly secret?: boolean;
}

export interface EnvWritten extends Written {
  /** Which of the names are secrets now. */
  readonly secrets: readonly string[];
  /** What their owner should know, a sentence each. */
  readonly warnings: readonly string[];
}

/** `GET /v1/secrets` */
export interface SecretsAnswer {
  /** Of cluster.yaml. */
  readonly recipients: readonly string[];
  /** Public keys of this node's identities, newest first. */
  readonly identities: readonly string[];
  /** Sorted by app, those of all services first. */
  readonly secrets: readonly SecretAnswer[];
  /** What is wrong with files whose names can't be told for that. */
  readonly problems: readonly string[];
}

/** `POST /v1/secrets/rotate` */
export interface RotatedSecrets extends Written {
  /** The new public key. */
  readonly recipient: string;
  /** How many were sealed anew. */
  readonly values: number;
  /** Those that stayed as they were: this node can't open them, or their file is wrong. */
  readonly stayed: readonly string[];
}

/** `POST /v1/secrets/forget` */
export interface ForgottenKeys {
  /** Public keys. */
  readonly forgotten: readonly string[];
}

export interface SecretAnswer {
  readonly app: AppName;
  readonly service?: string;
  readonly name: string;
  /** Why this node can't open it; absent: it can. */
  readonly problem?: string;
}
