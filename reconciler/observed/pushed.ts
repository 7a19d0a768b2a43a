import type {AppName, ImageDigest} from '../../schemas/ids.ts';

/** What this node knows of the cluster's registry: what it has pushed there itself. Nothing else there is ours. */
export interface ObservedRegistry {
  readonly images: readonly PushedImage[];
  /** What is not tried again at once. */
  readonly troubles: readonly RegistryTrouble[];
}

/** Written down before it is pushed: whatever happens, we know that it may be there. */
export interface PushedImage {
  readonly app: AppName;
  readonly image: ImageDigest;
  /** `registry.example.com/team/shop` */
  readonly repository: string;
  /** Of its manifest. Absent: the push has not ended, as far as is known. */
  readonly digest?: string;
  /** When its push began, milliseconds since 1970. */
  readonly pushedAtMs: number;
}

/** Something that the registry did not do. */
export interface RegistryTrouble {
  readonly kind: 'push' | 'remove';
  readonly app: AppName;
  readonly image: ImageDigest;
  readonly problem: string;
  /** In a row. */
  readonly tries: number;
  /** When it is tried again, milliseconds since 1970. */
  readonly againAtMs: number;
}
