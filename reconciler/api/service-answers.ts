import type {ServiceManifest} from '../../schemas/app.ts';
import type {ReleaseOutcome} from '../release/releases.ts';
import type {ServiceStatus} from '../status/status.ts';
import type {Written} from './answers.ts';

/** `GET /v1/apps/:app/services`: a service as git has it, and as it runs. */
export interface ServiceAnswer {
  readonly name: string;
  /** The current release has it: a line of its Procfile, or its image. */
  readonly isReleased: boolean;
  /** Copies that git wants. */
  readonly replicas: number;
  /** What app.yaml says of it, but for the values of its variables. */
  readonly settings: Omit<ServiceManifest, 'env'>;
  /** Names of variables of its own. */
  readonly env: readonly string[];
  /** As the last pass saw it. Absent: it has seen nothing of it yet. */
  readonly status?: ServiceStatus;
}

export interface ServiceWritten extends Written {
  readonly service: string;
  /** What became of the release that an image was made. */
  readonly release?: ReleaseOutcome;
}
