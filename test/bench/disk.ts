import {execa} from 'execa';
import {CLUSTER_DEFAULTS} from '../../schemas/cluster.ts';
import {diskUsage, listVolumes} from '../../reconciler/adapters/docker-disk.ts';
import type {Scene} from './node/scene.ts';
import {untilAnswer} from './node/trial-node.ts';
import {figure, type Benchmark} from './report.ts';

const DEPLOYS = 50;
/** What the build of each deploy adds to the image; not from the sources, which keep their history. */
const DELTA_BYTES = 2_000_000;
const ANSWER_MS_MAX = 60_000;
/** Logs of builds, git's objects of 50 commits and releases, and their folders, in megabytes. */
const AROUND_MB_MAX = 5;

/** (h) What 50 deploys leave on the disk. */
export function diskBenchmark({scene}: {scene: (signal: AbortSignal) => Promise<Scene>}): Benchmark {
  return {
    name: 'disk',
    title: `(h) ${DEPLOYS} deploys by git push, each with an image that differs by ${DELTA_BYTES / 1e6} MB from the one before`,
    async run({say}, signal) {
      const here = await scene(signal);
      // Of a single image nothing is shared yet: all of it would go with it alone.
      await deployOnce(here, signal);
      const before = await measure(here, signal);
      let half = before;
      for (let deploy = 1; deploy <= DEPLOYS; deploy += 1) {
        await deployOnce(here, signal);
        if (deploy === DEPLOYS / 2) half = await measure(here, signal);
        if (deploy % 10 === 0) say(`${deploy} deploys`);
      }
      const after = await measure(here, signal);
      const delta = Math.max(...after.unique);
      const grown = (what: 'images' | 'volumes' | 'data' | 'layers', from = before) => figure([(after[what] - from[what]) / 1e6]);
      const {releases} = CLUSTER_DEFAULTS.keep;
      return [
        {what: 'images in the engine, grown by', unit: 'MB', ours: grown('images'), target: (releases * delta) / 1e6},
        {what: `  ${releases} releases are kept; one image alone`, unit: 'MB', ours: figure([delta / 1e6])},
        {what: '  grown by the second half of the deploys', unit: 'MB', ours: grown('images', half), target: delta / 1e6},
        {what: 'build cache, grown by', unit: 'MB', ours: grown('volumes')},
        {what: 'data directory (git, logs of builds), grown by', unit: 'MB', ours: grown('data'), target: AROUND_MB_MAX},
        {what: 'all layers in the engine, whoever made them, grown by', unit: 'MB', ours: grown('layers')},
      ];
    },
  };
}

async function deployOnce({node, app}: Scene, signal: AbortSignal): Promise<void> {
  const text = await app.change(signal, {'build.js': `require('node:fs').writeFileSync('made', require('node:crypto').randomBytes(${DELTA_BYTES}));\n`});
  await node.run(['git', 'push', '--quiet', 'flynn', 'main'], {cwd: app.folder}, signal);
  await untilAnswer(node, {app: app.name, text, msMax: ANSWER_MS_MAX}, signal);
}

interface Disk {
  /** Bytes that go with each image of ours alone. */
  readonly unique: readonly number[];
  readonly images: number;
  readonly volumes: number;
  readonly data: number;
  /** Of everybody on this engine. */
  readonly layers: number;
}

async function measure({docker, node}: Scene, signal: AbortSignal): Promise<Disk> {
  const label = `flynn.instance=${node.instance}`;
  const [images, volumes, usage, {LayersSize}] = await Promise.all([docker.listImages({filters: {label: [label]}}), listVolumes(docker, [label], signal), diskUsage(docker, signal), docker.df() as Promise<{LayersSize: number}>]);
  const unique = images.map(({Id}) => usage.images.get(Id) ?? 0);
  const {stdout} = await execa('du', ['--summarize', '--block-size=1', node.layout.root], {cancelSignal: signal, reject: false});
  return {unique, images: sum(unique), volumes: sum(volumes.map(({name}) => usage.volumes.get(name) ?? 0)), data: Number.parseInt(stdout, 10), layers: LayersSize};
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
