import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import type {Result} from '../../schemas/result.ts';
import {detail, step, warning} from '../build/output.ts';

/** The cluster's registry, as whoever makes a release needs it. */
export interface ReleaseRegistry {
  /** Where images of this app are pushed to; undefined: there is no registry. */
  repositoryOf(app: AppName): string | undefined;
  /** Resolves to the image's name there, or to why it is not there. What failed is tried again by itself. */
  push(image: {readonly app: AppName; readonly image: ImageDigest}, signal: AbortSignal): Promise<Result<string, string>>;
}

/** What a release says of the registry. An image that can't be pushed is no reason not to deploy: the node has it, and can mostly build it again. */
export async function published(registry: ReleaseRegistry, {app, image, print}: {readonly app: AppName; readonly image: ImageDigest; print(line: string): void}, signal: AbortSignal): Promise<{readonly registry?: string}> {
  const repository = registry.repositoryOf(app);
  if (repository === undefined) return {};
  print(step(`Pushing to ${repository}`));
  const pushed = await registry.push({app, image}, signal);
  if (pushed.ok) {
    print(detail(pushed.value.slice(pushed.value.indexOf('@') + 1)));
    return {registry: pushed.value};
  }
  print(warning(`The image is on this node only, ${repository} did not take it: ${pushed.problem}. It is tried again: flynn registry`));
  return {};
}
