import {ApiError} from '../../reconciler/api/problem.ts';
import {configForChecks} from '../../reconciler/desired/validate.ts';
import type {ManifestFile} from '../../reconciler/checkout/snapshot.ts';
import {proposalsElsewhere} from '../../reconciler/proposals/elsewhere.ts';
import type {ProposalDetails, Proposals} from '../../reconciler/proposals/proposals.ts';
import type {NodeView} from '../../reconciler/node.ts';
import {API_PORT_DEFAULT, DNS_PORT_DEFAULT, HTTP_PORT_DEFAULT, HTTPS_PORT_DEFAULT} from '../../reconciler/settings.ts';
import type {AppStatus, NodeStatus} from '../../reconciler/status/status.ts';
import {identified} from '../../schemas/app-id.ts';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {CloneRepo} from './repo.ts';

/** What of a node can be known from a clone: what git says. */
export function cloneView(repo: CloneRepo, {files, commit}: {readonly files: readonly ManifestFile[]; readonly commit: CommitId}): NodeView {
  const {name, domain} = configForChecks(files.filter(({path}) => !path.startsWith('apps/')));
  const names = new Set(files.flatMap(({path}) => /^apps\/([^/]+)\//.exec(path)?.[1] ?? []));
  const status: NodeStatus = {node: '', cluster: name, domain, commit, conditions: [], nodes: [], apps: [...names].toSorted().map((app) => appOf(app, files))};
  const known: Partial<NodeView> = {
    repo,
    settings: {data: '', node: '', domain, listen: '', httpPort: HTTP_PORT_DEFAULT, httpsPort: HTTPS_PORT_DEFAULT, apiPort: API_PORT_DEFAULT, dnsPort: DNS_PORT_DEFAULT, sshPort: 0, cluster: {kind: 'own'}},
    status: () => status,
    wake: () => {},
    plan: async () => needed(),
    keyring: NO_KEYS,
    proposals: proposalsIn(repo),
    // Nothing is built by a clone.
    builds: {list: async () => []} as Partial<NodeView['builds']> as NodeView['builds'],
    // The clone's own history says it.
    audit: {add: async () => {}, last: needed, verify: needed},
  };
  // Typed as a whole node: whatever it has not says so when it is asked.
  return new Proxy(known, {get: (target, field) => Reflect.get(target, field) as unknown ?? ABSENT}) as NodeView;
}

/** Of a clone: a branch, which somebody pushes. All that is told of it here is what a commit is told of. */
function proposalsIn(repo: CloneRepo): Proposals {
  return {
    ...proposalsElsewhere('not asked by a clone'),
    async propose(change, _who, signal) {
      const {commit, isNew, branch} = await repo.propose(change, signal);
      return {proposal: {title: change.message.split('\n')[0] ?? '', branch, tip: commit} as ProposalDetails, isNew};
    },
  };
}

function appOf(name: string, files: readonly ManifestFile[]): AppStatus {
  const manifest = files.find(({path}) => path === `apps/${name}/app.yaml`);
  return {...identified(name as AppName, manifest?.kind === 'text' ? manifest.text : undefined), urls: [], services: [], runs: [], conditions: [], waiting: []};
}

/** A secret is sealed to the recipients of cluster.yaml, which are public; what is sealed already can't be opened here. */
const NO_KEYS = {
  recipients: async () => [],
  open: async () => Promise.reject(new Error('a clone has no key')),
} as unknown as NodeView['keyring']; // a class: nothing else of it is asked for on the way to a commit

/** Anything that is asked of it, or called on it, needs a node. */
const ABSENT: unknown = new Proxy(() => {}, {get: needed, apply: needed});

function needed(): never {
  throw new ApiError(409, 'this needs a cluster, and can\'t be done on a clone: leave out --clone');
}
