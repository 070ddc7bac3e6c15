import type { ExpectedFailure } from './verdict.js';

/** What is known to fail, with the reason. An entry that passes fails the run, so that the list never says more than is true. */
export const expectedFailures: readonly ExpectedFailure[] = [];
