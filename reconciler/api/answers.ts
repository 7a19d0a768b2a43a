import type {ForgeManifest} from '../../schemas/forge.ts';
import type {IdentityManifest, ProviderManifest} from '../../schemas/oidc.ts';
import type {TokenManifest} from '../../schemas/person.ts';
import type {AppRoles, Role} from '../../schemas/roles.ts';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {DeployOutcome, Garbage, RegistryState, StackImageInfo} from '../node.ts';
import type {ForgeState} from '../forge/status.ts';
import type {IssuerState} from '../oidc/tokens.ts';
import type {ProposalDetails} from '../proposals/proposals.ts';
import type {Overtaken, RebasePreview} from '../release/releases.ts';
import type {Waiting} from '../plan/action.ts';
import type {AppStatus} from '../status/status.ts';

/** What the API answers, as JSON. The command line imports these types; nothing here runs. */

/** RFC 9457, `application/problem+json`. */
export interface Problem {
  /** `about:blank`: the status says it all. */
  readonly type: string;
  readonly status: number;
  readonly title: string;
  /** For people, in the form of all our messages. */
  readonly detail: string;
  /** Each thing that is wrong in a manifest, at its place. */
  readonly errors?: readonly Diagnostic[];
}

export interface AppAnswer extends AppStatus {
  readonly gitUrl: string;
}

/** A change of intent is a commit: this one. */
export interface Written {
  readonly commit: CommitId;
  /** False: the repository said so already. */
  readonly isNew: boolean;
  /** The commit's subject. */
  readonly message: string;
  /** With `?wait=true`: what became of it. */
  readonly outcome?: WaitOutcome;
}

/** `overtaken`: by the time that it was so, a later commit had changed the same again, and that is what it is of. */
export type ToldOutcome = DeployOutcome & {readonly overtaken?: Overtaken};

/** `converging`: a request can't wait any longer for it. */
export type WaitOutcome = ToldOutcome | {readonly result: 'converging'; readonly commit: CommitId; readonly detail: string};

/** 202: the change was asked for with `X-Flynn-Propose`, and waits for others. */
export interface ProposedAnswer {
  readonly proposal: ProposalDetails;
  /** False: it had been made before. */
  readonly isNew: boolean;
}

export interface CreatedApp extends Written {
  readonly name: AppName;
  readonly gitUrl: string;
  readonly webUrl: string;
}

export interface ScaledApp extends Written {
  /** Copies of those that were asked for. */
  readonly services: Readonly<Record<string, number>>;
}

export interface PlanAnswer {
  readonly actions: readonly PlannedAction[];
  readonly waiting: readonly Waiting[];
  /** The same for people. Empty: nothing to do, nothing to wait for. */
  readonly text: string;
}

/** An action without what only its executor needs: environments hold secrets, and never leave the node. */
export interface PlannedAction {
  readonly kind: string;
  readonly app?: AppName;
  /** Container, role, image or app that it is about. */
  readonly subject: string;
  readonly reason: string;
}

/** What could be removed, or was. */
export interface GarbageAnswer {
  readonly items: readonly Garbage[];
  /** At least so many. */
  readonly bytes: number;
}

/** A line of `GET /v1/apps/:app/converged`. */
export type ConvergedLine =
  | {readonly progress: string}
  | {readonly outcome: ToldOutcome};

/** The last line of every stream is one of these; without, it was cut off. */
export type StreamEnd =
  | {readonly end: true}
  | {readonly problem: Problem};

/** `POST /v1/apps/:app/source/hook` */
export interface HookMade extends Written {
  /** Where a git host sends its webhooks. */
  readonly url: string;
}

export interface StackAnswer {
  readonly images: readonly StackImageInfo[];
  readonly apps: readonly RebasePreview[];
}

/** Empty: cluster.yaml names none. */
export interface ForgeAnswer {
  readonly forge?: Omit<ForgeManifest, 'token' | 'hookSecret'> & {readonly hasHook: boolean};
  /** Absent: this node does not tell it anything, because the repository is its own. */
  readonly state?: ForgeState;
}

/** `GET /v1/registry` */
export interface RegistryAnswer {
  /** Absent: there is none. */
  readonly registry?: {readonly host: string; readonly path?: string; readonly username?: string; readonly hasPassword: boolean};
  /** What the node that answers knows of it. Absent: it does not follow the commit yet that names it. */
  readonly state?: RegistryState;
}

/** `POST /v1/certificates` */
export interface AddedCertificate extends Written {
  readonly name: string;
  readonly hosts: readonly string[];
  /** ISO 8601, UTC. */
  readonly notAfter: string;
}

/** `GET /v1/acme` */
export interface AcmeAnswer {
  /** Absent: nothing is ordered. */
  readonly acme?: {readonly directory?: string; readonly email?: string; readonly eabKeyId?: string; readonly hasCa: boolean};
}

/** Whose token a request came with. */
export interface WhoAmI {
  /** `operator`: the node's own token. */
  readonly user: string;
  readonly name: string;
  readonly email: string;
  /** Which of the person's tokens. */
  readonly token?: string;
  /** The identity provider that says who it is, and what it calls him. */
  readonly oidc?: {readonly issuer: string; readonly subject: string};
}

/** A node as its file says, and as it is. */
export interface NodeAnswer {
  readonly name: string;
  /** Where other nodes reach it. */
  readonly address?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** It is part of the cluster now. */
  readonly isLive: boolean;
  readonly isCordoned: boolean;
  readonly isDrained: boolean;
  /** What its replicas may request together, and what of it nobody has requested. Absent: it is not live, or has not looked yet. */
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly free?: {readonly memoryBytes: number; readonly cpus: number};
}

/** A team as its file says. */
export interface TeamAnswer {
  readonly name: string;
  readonly members: readonly string[];
  /** For the whole cluster. Absent: none. */
  readonly role?: Role;
  readonly apps: AppRoles;
}

/** `GET /v1/codeowners` */
export interface CodeownersAnswer {
  readonly forge: 'github' | 'gitlab' | 'gitea';
  readonly text: string;
}

/** A person with all roles, those of teams included. */
export interface PersonAnswer {
  readonly user: string;
  readonly name: string;
  readonly email: string;
  readonly role?: Role;
  readonly apps: Readonly<Record<string, Role>>;
  readonly tokens: readonly ({readonly name: string} & Omit<TokenManifest, 'hash'>)[];
  readonly sshKeys: readonly KeyAnswer[];
  /** Who the person is at identity providers. */
  readonly oidc: readonly IdentityManifest[];
}

/** `GET /login`: how people can log in, beside a token. Open to everybody. */
export interface LoginWays {
  readonly oidc?: ProviderManifest;
}

/** `GET /v1/oidc`: the cluster's identity provider, and how all issuers are that somebody is known by, asked just now. */
export interface OidcAnswer {
  readonly provider?: ProviderManifest;
  readonly issuers: readonly IssuerState[];
}

/** A public key of somebody's. */
export interface KeyAnswer {
  readonly type: string;
  readonly fingerprint: string;
  /** What stands behind it: where it is. May be empty. */
  readonly comment: string;
}
