import {EditRefused} from '../checkout/snapshot.ts';
import type {Proposals} from './proposals.ts';

/** A cluster repository that is not on this node: what is proposed and reviewed there is its own server's business. */
export function proposalsElsewhere(where: string): Proposals {
  const refuse = async (): Promise<never> => {
    throw new EditRefused(`the cluster repository is ${where}: propose and review changes there`);
  };
  return {list: async () => [], show: refuse, propose: refuse, approve: refuse, comment: refuse, close: refuse, merge: refuse, proposedImages: () => new Map()};
}
