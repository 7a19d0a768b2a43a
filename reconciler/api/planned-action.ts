import {unreachable} from '../../schemas/result.ts';
import type {Action} from '../plan/action.ts';
import type {PlannedAction} from './answers.ts';

/** What may be told of an action. Written out per kind, so that nothing new leaves the node by accident. */
export function withoutSecrets(action: Action): PlannedAction {
  const {kind, app, reason} = action;
  return {kind, ...(app === undefined ? {} : {app}), subject: subjectOf(action), reason};
}

function subjectOf(action: Action): string {
  switch (action.kind) {
    case 'run-container':
    case 'run-job':
    case 'stop-container':
    case 'remove-container':
    case 'keep-shift':
    case 'retire-shift':
    case 'retire-tcp':
    case 'remove-shift': return action.name;
    case 'run-system': return action.system.role;
    case 'publish-names': return 'names';
    case 'hand-over':
    case 'load-routes': return 'routes';
    case 'load-tcp': return 'TCP ports';
    case 'write-certificate': return action.name;
    case 'remove-certificate': return action.id;
    case 'order-certificate': return action.host;
    case 'publish-redirects': return 'redirects';
    case 'write-cron':
    case 'forget-cron': return `${action.app} ${action.cron}`;
    case 'write-deploy':
    case 'forget-app':
    case 'note-gone':
    case 'remove-build-logs': return action.app;
    case 'remove-cache': return action.volume ?? action.app;
    case 'make-network':
    case 'make-shared-network': return action.subnet;
    case 'remove-network':
    case 'remove-shared-network':
    case 'connect':
    case 'disconnect': return action.name;
    case 'remove-image': return action.image;
    case 'remove-pushed': return action.pushed.image;
    case 'push-image':
    case 'pull-image':
    case 'rebuild-image': return action.image;
    default: return unreachable(action);
  }
}
