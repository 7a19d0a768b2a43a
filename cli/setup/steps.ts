import type {Layout} from '../../reconciler/layout.ts';
import type {NodeSettings} from '../../reconciler/settings.ts';
import {Failure} from '../command.ts';
import {clusterRepoStep} from './cluster-repo.ts';
import {contextStep, linkStep} from './command-line.ts';
import {dataStep} from './data.ts';
import {dockerdPlace} from './dockerd.ts';
import {engineClient, engineStep} from './engine.ts';
import {imagesStep, mmdebstrapStep} from './images.ts';
import {portsStep} from './ports.ts';
import type {Step} from './step.ts';

type Env = Readonly<Record<string, string | undefined>>;

interface SetupOptions {
  readonly settings: NodeSettings;
  readonly layout: Layout;
  readonly env: Env;
}

/** Everything that has to be so before the reconciler can start. What can fail at once comes before what takes long. */
export function setupSteps({settings, layout, env}: SetupOptions): readonly Step[] {
  return [
    rootStep(),
    portsStep(settings),
    ...engineSteps({layout, env}),
    dataStep(settings, layout),
    clusterRepoStep(settings, layout),
    linkStep(),
    contextStep(settings, layout, env),
  ];
}

/** What the tests need too. */
export function engineSteps({layout, env}: Pick<SetupOptions, 'layout' | 'env'>): readonly Step[] {
  const docker = engineClient(env);
  return [engineStep(env, dockerdPlace(layout)), mmdebstrapStep(docker, env), imagesStep(docker)];
}

function rootStep(): Step {
  return {
    title: 'Rights',
    async check() {
      if (process.getuid?.() === 0) return 'root';
      throw new Failure('Flynn runs containers and listens on ports below 1024, so it has to be started as root', {advice: ['sudo npm start, or: sudo flynn up']});
    },
    async do() {
      throw new Error('bug: the check of the rights always has an answer');
    },
  };
}
