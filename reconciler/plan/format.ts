import {unreachable} from '../../schemas/result.ts';
import type {Action, Plan, Waiting} from './action.ts';

/** One line an action and one a wait, as `flynn plan` prints it and as the golden tests compare it. Never holds env values. */
export function formatPlan(plan: Plan): string {
  return [...plan.actions.map((action) => `${describe(action)}  # ${action.reason}`), ...plan.waiting.map(formatWaiting)].join('\n');
}

export function formatWaiting({app, subject, on}: Waiting): string {
  return `wait ${app === undefined ? '' : `${app} `}${subject}  # on ${on}`;
}

/** The action in a few words, without its reason. */
export function describe(action: Action): string {
  switch (action.kind) {
    case 'run-container':
    case 'run-job': return `run ${action.name}`;
    case 'stop-container': return `stop ${action.name} within ${action.graceMs / 1000}s`;
    case 'remove-container': return `remove ${action.name}`;
    case 'run-system': return `run ${action.system.role}`;
    case 'publish-names': return `publish ${action.names.size} names`;
    case 'write-certificate': return `write certificate ${action.name}`;
    case 'remove-certificate': return `remove certificate ${action.id}`;
    case 'order-certificate': return `${action.isRenewal ? 'renew the' : 'order a'} certificate for ${action.host}`;
    case 'publish-redirects': return `redirect ${action.entries.filter((entry) => !entry.endsWith('!')).length} hosts to HTTPS`;
    case 'load-tcp': return `load ${action.structure.length} TCP ports`;
    case 'hand-over': return `hand over to router shift ${action.shift}`;
    case 'keep-shift': return `keep ${action.name}`;
    case 'retire-shift':
    case 'retire-tcp': return `retire ${action.name}`;
    case 'remove-shift': return `remove ${action.name}`;
    case 'load-routes': return `load the routes of router shift ${action.shift} again`;
    case 'write-deploy': return `mark ${action.app} ${action.deploy.state}`;
    case 'write-cron': return `note ${action.cron} of ${action.app}`;
    case 'forget-cron': return `forget ${action.cron} of ${action.app}`;
    case 'forget-app': return `forget ${action.app}`;
    case 'pull-image': return `pull image ${action.image.slice(7, 19)} of ${action.app}`;
    case 'rebuild-image': return `build image ${action.image.slice(7, 19)} of ${action.app} again`;
    case 'push-image': return `push image ${action.image.slice(7, 19)} of ${action.app}`;
    case 'remove-pushed': return `remove image ${action.pushed.image.slice(7, 19)} from ${action.pushed.repository}`;
    case 'remove-image': return `remove image ${action.image.slice(7, 19)}`;
    case 'make-network': return `make the network of ${action.app}: ${action.subnet}`;
    case 'remove-network': return `remove the network ${action.name}`;
    case 'make-shared-network': return `make the network that ${action.apps.join(' and ')} share: ${action.subnet}`;
    case 'remove-shared-network': return `remove the network ${action.name}`;
    case 'connect': return `connect ${action.name} to ${action.network}`;
    case 'disconnect': return `disconnect ${action.name} from ${action.network}`;
    case 'note-gone': return `note that ${action.app} is gone`;
    case 'remove-cache': return `remove the build cache of ${action.app}`;
    case 'remove-build-logs': return `remove the build logs of ${action.app}`;
    default: return unreachable(action);
  }
}
