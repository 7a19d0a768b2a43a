import {startBackend, type TrialBackend} from './trial-backend.ts';
import {startTrialRouter, type TrialRouter} from './trial-router.ts';

/** A router and two replicas for all tests of a file: they come one after the other, each with hosts of its own. */
export interface TrialStage {
  readonly router: TrialRouter;
  readonly one: TrialBackend;
  readonly two: TrialBackend;
  close(): Promise<void>;
}

export async function setStage(): Promise<TrialStage> {
  const router = await startTrialRouter(new AbortController().signal);
  const [one, two] = await Promise.all([startBackend('one'), startBackend('two')]);
  return {
    router, one, two,
    async close() {
      await Promise.all([one.close(), two.close()]);
      await router.remove();
    },
  };
}
