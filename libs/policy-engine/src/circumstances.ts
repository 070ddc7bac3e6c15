import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { Rule } from '@customhouse/policy-contract/rules';
import { HostList } from './host-list.js';
import { isWithin } from './hours.js';
import { canonicalAddress, Subnets } from './subnets.js';

/** Whether a rule is about a call as far as the engine judges it itself: what takes a calendar, subnets or host names. */
export type Circumstances = (input: PolicyInput) => boolean;

/** Undefined for a rule that has no such condition. */
export function circumstancesOf(rule: Rule): Circumstances | undefined {
  const tests: Circumstances[] = [];
  const { hours, who, destinations } = rule;
  if (hours !== undefined) tests.push((input) => isWithin(hours, input.time));
  if (who?.networks !== undefined) {
    const networks = new Subnets(who.networks);
    // Where nobody knows where a call comes from, that counts against it.
    tests.push(({ network: { address } }) => networks.has(address) || (rule.effect !== 'allow' && canonicalAddress(address) === undefined));
  }
  if (destinations !== undefined) {
    if ('allow' in destinations) {
      const list = new HostList(destinations.allow);
      tests.push((input) => input.destinations.every((destination) => list.has(destination)));
    } else {
      const list = new HostList(destinations.other_than);
      tests.push((input) => input.destinations.some((destination) => !list.has(destination)));
    }
  }
  return tests.length === 0 ? undefined : (input) => tests.every((test) => test(input));
}

/** Whether a rule has let through as many calls as its limit allows. Where nobody has counted, it is not known to have any left. */
export function isOver({ id, limit }: Rule, input: PolicyInput): boolean {
  return limit !== undefined && (!Object.hasOwn(input.used, id) || input.used[id]! >= limit.calls);
}
