import type {FastifyInstance} from 'fastify';
import {anySignal} from '../any-signal.ts';
import type {StackAnswer} from './answers.ts';
import {noted} from './audit.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError, explaining} from './problem.ts';
import {sendLines} from './stream.ts';

/** A look at each app's image takes some 20 ms. */
const LOOK_MS_MAX = 60_000;

/** What apps are built in and run on. */
export function registerStackRoutes(v1: FastifyInstance, {view, authenticate, closing}: RouteParts): void {
  const {stack, releases} = view;
  const limited = () => anySignal([closing, AbortSignal.timeout(LOOK_MS_MAX)]);

  v1.get('/stack', async (): Promise<StackAnswer> => {
    const signal = limited();
    const images = await explaining("can't look at the images", stack.info(signal));
    const apps: StackAnswer['apps'][number][] = [];
    for (const {name} of view.status().apps) apps.push(await explaining(`can't look at ${name}`, releases.rebasePreview(name, signal)));
    return {images, apps};
  });

  v1.get<{Params: {image: string}}>('/stack/:image/packages', async ({params: {image}}) => {
    if (image !== 'run' && image !== 'build' && image !== 'router') throw new ApiError(404, `there is no image "${image.slice(0, 40)}", expected run, build or router`);
    return explaining("can't look into the image", stack.packages(image, limited()));
  });

  v1.post('/stack/build', async (request, reply) => {
    await noted(request, {view, authenticate}, {action: 'stack build'});
    return sendLines(reply, (signal) => stack.build(signal), closing);
  });
}
