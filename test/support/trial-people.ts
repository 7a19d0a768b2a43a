import path from 'node:path';
import type {Ended, TrialNode} from './trial-node.ts';
import {until} from './until.ts';

/** People of a trial node, each with a token. */
export class TrialPeople {
  readonly #node: TrialNode;
  readonly #tokens = new Map<string, string>();

  private constructor(node: TrialNode) {
    this.#node = node;
  }

  /** By name, their roles as `flynn people add` takes them. Resolves when the node knows them. */
  static async add(node: TrialNode, roles: Readonly<Record<string, readonly string[]>>): Promise<TrialPeople> {
    const people = new TrialPeople(node);
    for (const [user, theirs] of Object.entries(roles)) {
      await node.must('people', 'add', user, '--name', user, '--email', `${user}@example.com`, ...theirs);
      people.give(user, (await node.must('token', 'add', 'test', '-u', user)).stdout.trim());
    }
    const last = Object.keys(roles).at(-1) ?? '';
    await until('the tokens are known', async () => (await people.as(last, 'whoami')).exitCode === 0);
    return people;
  }

  /** A token that was made in another way. */
  give(user: string, token: string): void {
    this.#tokens.set(user, token);
  }

  token(user: string): string {
    return this.#tokens.get(user) ?? '';
  }

  /** A command with somebody's token and nothing else, as a job of CI has it. */
  as(user: string, ...args: readonly string[]): Promise<Ended> {
    const {home, apiUrl} = this.#node;
    return this.#node.flynn(args, {cwd: home, env: {FLYNN_URL: apiUrl, FLYNN_TOKEN: this.token(user), FLYNN_CONFIG: path.join(home, 'none.yaml')}});
  }

  push(user: string, folder: string, repository: string, ...args: readonly string[]): Promise<Ended> {
    return this.#node.git(folder, '-c', 'credential.helper=', 'push', `http://x:${this.token(user)}@${new URL(this.#node.apiUrl).host}/${repository}.git`, ...args);
  }
}
