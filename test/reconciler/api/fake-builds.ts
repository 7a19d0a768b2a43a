import type {BuildCache, BuildLine, Builds, ListedBuild} from '../../../reconciler/builds/builds.ts';
import type {DeployDesk, DeployLine, DeployWish} from '../../../reconciler/node.ts';
import {EditRefused, type Author} from '../../../reconciler/checkout/snapshot.ts';
import {Refused} from '../../../reconciler/oneshot/oneshot.ts';
import type {AppName} from '../../../schemas/ids.ts';

/** Builds that tests write down themselves; what was asked of them is in `asked`. */
export class FakeBuilds implements Builds {
  records: readonly ListedBuild[] = [];
  lines: readonly string[] = [];
  readonly asked: string[] = [];

  async list(app: AppName, limit: number): Promise<readonly ListedBuild[]> {
    return this.records.filter((record) => record.app === app).slice(0, limit);
  }

  async show(app: AppName, number: number): Promise<ListedBuild> {
    const found = this.records.find((record) => record.app === app && record.number === number);
    if (found === undefined) throw new Refused('missing', `app "${app}" has no build ${number}`);
    return found;
  }

  async* log({app, number}: {readonly app: AppName; readonly number: number}, mode: 'follow' | 'so-far'): AsyncGenerator<BuildLine> {
    this.asked.push(`log of ${app} ${number} ${mode}`);
    for (const line of this.lines) yield {line};
    yield {build: await this.show(app, number)};
  }

  async cancel(app: AppName, number: number, by: Author): Promise<ListedBuild> {
    const build = await this.show(app, number);
    this.asked.push(`cancel ${app} ${number} by ${by.name}`);
    return {...build, state: 'cancelled', reason: `build ${number} was cancelled by ${by.name}`};
  }

  async cache(app: AppName): Promise<BuildCache> {
    return {app, bytes: 3 * 2 ** 20, maxBytes: 2 ** 30};
  }

  async purgeCache(app: AppName): Promise<BuildCache> {
    this.asked.push(`purge ${app}`);
    return this.cache(app);
  }
}

export class FakeDeploys implements DeployDesk {
  lines: readonly DeployLine[] = [];
  refusal: string | undefined;
  readonly asked: string[] = [];

  async* deployPushed(app: AppName, wish: DeployWish, {by}: {readonly by: Author}): AsyncGenerator<DeployLine> {
    this.asked.push(`deploy ${app} ${JSON.stringify(wish)} by ${by.name}`);
    yield* this.lines;
    if (this.refusal !== undefined) throw new EditRefused(this.refusal);
  }
}
