import type Docker from 'dockerode';
import type {StackImages} from '../../buildpacks/stack/images.ts';
import type {AppName} from '../../schemas/ids.ts';
import type {BuildRequest} from './build.ts';
import type {FetchLimits} from './fetch.ts';
import type {LimitExceeded} from './limits.ts';
import type {PackageImages} from './packages.ts';
import type {Source} from './source.ts';

export interface BuilderSettings {
  readonly docker: Docker;
  /** Labels and names of everything it makes start with it, see `instanceOf`. */
  readonly instance: string;
  readonly stack: Pick<StackImages, 'run' | 'build'>;
  /** Folder of the builds' logs, `layout.builds`. */
  readonly logs: string;
  /** Folder for what is needed only while a build goes on, which is there. The system's own unless given. */
  readonly scratch?: string;
  /** Contents of an npmrc for builds: the host's registries unless given, see npm-settings.ts. */
  npmrc?(signal: AbortSignal): Promise<string>;
  /** Where people find the source of an app that is pushed here, for the image's label. */
  gitUrl?(app: AppName): string;
  /** `layers`: an archive that leaves out what the engine holds. `dockerfile`: for image stores that don't take that. Asked of the engine unless given. */
  readonly assembly?: 'layers' | 'dockerfile';
  /** Of other people's buildpacks: 200 MB and 120 s each, unless given. */
  readonly fetchLimits?: FetchLimits;
  /** Where images with Debian packages come from. Its own unless given. */
  readonly packageImages?: PackageImages;
}

/** One build on its way. */
export interface BuildContext extends BuildRequest {
  readonly settings: BuilderSettings & {npmrc(signal: AbortSignal): Promise<string>};
  readonly packageImages: PackageImages;
  readonly files: Source;
  readonly labels: Readonly<Record<string, string>>;
  readonly tag: string;
  exceed(limit: LimitExceeded): void;
}
