import type {AppId, AppName, CommitId, ContainerId, ImageDigest, SpecHash, TreeId} from '../../schemas/ids.ts';
import type {DesiredAcme} from '../desired/certificates-state.ts';
import type {ContainerTemplate, DesiredService, DesiredSystem, ResolvedApp} from '../desired/state.ts';
import type {TcpStructure} from '../observed/ports.ts';
import type {PushedImage} from '../observed/pushed.ts';
import type {CronNext, CronRun, Deploy, Job, NameTable, Pair} from '../observed/state.ts';
import type {RouteStructure} from '../observed/structure.ts';

/** One change to the world. Plain data: it can be printed, compared, sent to another machine and replayed. */
export type Action = {readonly reason: string; /** Absent: of the platform itself. */ readonly app?: AppName} & (
  | {
      readonly kind: 'run-container';
      readonly name: string;
      readonly app: AppName;
      /** What its volumes go by. Absent: its name. */
      readonly appId?: AppId;
      readonly service: DesiredService;
      readonly release: number;
      readonly slot: number;
      readonly attempt: number;
      readonly failures: number;
      /** Of the app's network: it is made again should it be gone when the container starts. */
      readonly subnet: string;
      /** What it is on beside, from its start. Absent: nothing. */
      readonly shared?: readonly SharedNetwork[];
    }
  | {
      readonly kind: 'run-job';
      readonly name: string;
      readonly app: AppName;
      readonly appId?: AppId;
      readonly job: Job;
      readonly container: ContainerTemplate;
      readonly release: number;
      /** As of `run-container`. */
      readonly subnet: string;
      readonly shared?: readonly SharedNetwork[];
    }
  | {readonly kind: 'stop-container'; readonly id: ContainerId; readonly name: string; readonly graceMs: number}
  | {readonly kind: 'remove-container'; readonly id: ContainerId; readonly name: string}
  | {readonly kind: 'run-system'; readonly system: DesiredSystem; readonly shift: number}
  | {readonly kind: 'publish-names'; readonly names: NameTable}
  /** `beside`: the shifts that there are already. */
  | {readonly kind: 'hand-over'; readonly shift: number; readonly structure: RouteStructure; readonly beside: readonly number[]}
  | {readonly kind: 'keep-shift' | 'retire-shift' | 'remove-shift'; readonly id: ContainerId; readonly name: string; readonly shift: number}
  | {readonly kind: 'retire-tcp'; readonly id: ContainerId; readonly name: string}
  | {readonly kind: 'load-routes'; readonly shift: number; readonly structure: RouteStructure}
  | {readonly kind: 'write-certificate'; readonly id: string; /** Of its file. */ readonly name: string; readonly chain: string; readonly sealedKey: string}
  | {readonly kind: 'remove-certificate'; readonly id: string}
  | {readonly kind: 'order-certificate'; readonly host: string; /** Who proves that the host is ours. */ readonly router: ContainerId; readonly acme: DesiredAcme; readonly isRenewal: boolean}
  | {readonly kind: 'publish-redirects'; /** See `redirectEntry`. */ readonly entries: readonly string[]}
  | {readonly kind: 'load-tcp'; readonly structure: TcpStructure}
  | {readonly kind: 'write-deploy'; readonly app: AppName; readonly deploy: Deploy; /** Present: this is now the last good one. */ readonly lastGood?: ResolvedApp}
  | {
      readonly kind: 'write-cron';
      readonly app: AppName;
      readonly cron: string;
      /** New ones, and those that changed, by their ids. */
      readonly runs: readonly CronRun[];
      /** Absent: as it was. */
      readonly next?: CronNext | 'none';
    }
  | {readonly kind: 'forget-cron'; readonly app: AppName; readonly cron: string}
  | {readonly kind: 'forget-app'; readonly app: AppName}
  | {readonly kind: 'remove-image'; readonly image: ImageDigest}
  | MissingImage & {readonly kind: 'pull-image'; readonly app: AppName; /** `<repository>@<digest>` */ readonly name: string}
  | MissingImage & {readonly kind: 'rebuild-image'; readonly app: AppName; readonly commit: CommitId; /** The folder of the repository that is the app. */ readonly path?: string}
  | {readonly kind: 'push-image'; readonly app: AppName; readonly image: ImageDigest}
  | {readonly kind: 'remove-pushed'; readonly app: AppName; readonly pushed: PushedImage}
  | {readonly kind: 'note-gone'; readonly app: AppName; readonly atMs: number}
  | {readonly kind: 'remove-cache'; readonly app: AppName; readonly volume?: string}
  | {readonly kind: 'remove-build-logs'; readonly app: AppName}
  | {readonly kind: 'make-network'; readonly app: AppName; readonly subnet: string}
  | {readonly kind: 'remove-network'; readonly app: AppName; readonly id: string; readonly name: string}
  | ({readonly kind: 'make-shared-network'} & SharedNetwork)
  | {readonly kind: 'remove-shared-network'; readonly apps: Pair; readonly id: string; readonly name: string}
  | {readonly kind: 'connect'; readonly id: ContainerId; readonly name: string; readonly network: string; /** By which others on the network find it. */ readonly aliases: readonly string[]}
  | {readonly kind: 'disconnect'; readonly id: ContainerId; readonly name: string; readonly network: string}
);

export interface SharedNetwork {
  readonly apps: Pair;
  readonly subnet: string;
}

interface MissingImage {
  readonly image: ImageDigest;
  /** What a failure is noted for: until one of the two is another one, it is not tried again. */
  readonly treeId: TreeId;
  readonly specKey: SpecHash | undefined;
}

export type ActionOf<Kind extends Action['kind']> = Extract<Action, {kind: Kind}>;

/** Something left undone on purpose, and what will end the wait. It has no executor: the next pass looks again. */
export interface Waiting {
  /** Absent: the platform itself waits. */
  readonly app?: AppName;
  /** `web.2`, `router`, … */
  readonly subject: string;
  readonly on: string;
  /** When time alone ends the wait, milliseconds since 1970: the loop looks again then. */
  readonly untilMs?: number;
}

export interface Plan {
  /** When something falls due that nobody waits for, milliseconds since 1970: the next run of a schedule, the end of its time. */
  readonly lookAgainAtMs?: number;
  readonly actions: readonly Action[];
  readonly waiting: readonly Waiting[];
}

/** One image of an app is brought at a time. */
export function rebuildKey(app: AppName): string {
  return `rebuild ${app}`;
}

/** So is what the registry is asked for an app. */
export function registryKey(app: AppName): string {
  return `registry ${app}`;
}

/** Two actions with one key are never carried out at the same time. */
export function actionKey(action: Action): string {
  switch (action.kind) {
    case 'run-container': return `container ${action.name}`;
    case 'run-job':
    case 'stop-container':
    case 'remove-container':
    case 'retire-shift':
    case 'retire-tcp':
    case 'remove-shift': return `container ${action.name}`;
    case 'run-system': return `system ${action.system.role}`;
    case 'publish-names': return 'names';
    case 'hand-over':
    case 'keep-shift':
    case 'load-routes': return 'routes';
    case 'load-tcp': return 'tcp';
    case 'write-certificate':
    case 'remove-certificate': return `certificate ${action.id}`;
    case 'order-certificate': return `order ${action.host}`;
    case 'publish-redirects': return 'redirects';
    case 'write-cron':
    case 'forget-cron': return `cron ${action.app} ${action.cron}`;
    case 'write-deploy':
    case 'note-gone':
    case 'forget-app': return `journal ${action.app}`;
    case 'remove-cache': return `cache ${action.app}`;
    case 'remove-build-logs': return `build-logs ${action.app}`;
    case 'remove-image': return `image ${action.image}`;
    case 'pull-image':
    case 'rebuild-image': return rebuildKey(action.app);
    case 'push-image':
    case 'remove-pushed': return registryKey(action.app);
    case 'make-network':
    case 'remove-network': return `network ${action.app}`;
    case 'make-shared-network':
    case 'remove-shared-network': return `network ${action.apps.join('.')}`;
    case 'connect':
    case 'disconnect': return `connection ${action.name} ${action.network}`;
  }
}
