import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {ADA} from '../checkout/support.ts';

// Writes ten at a time, for ever, and prints each commit that it was answered with: for a test that kills it. Arguments: a repository, and a name of its own.

const [gitdir = '', name = ''] = process.argv.slice(2);
const repo = ownRepo({gitdir});
for (let round = 0; ; round += 1) {
  await Promise.all(Array.from({length: 10}, async (_, index) => {
    const operationId = `${name}-${round}-${index}`;
    const {commit} = await repo.commit({edit: () => ({[`apps/a${index}/app.yaml`]: `${operationId}\n`}), message: `do ${operationId}`, author: ADA, operationId}, AbortSignal.timeout(60_000));
    process.stdout.write(`${commit} do ${operationId}\n`);
  }));
}
