import type { ExpectedFailure } from './verdict.js';

/** What is known to fail, with the reason. An entry that passes fails the run, so that the list never says more than is true. */
export const expectedFailures: readonly ExpectedFailure[] = [
  {
    suite: 'server',
    revision: '2025-11-25',
    way: 'through',
    scenario: 'server-sse-polling',
    check: 'server-sse-disconnect-resume',
    reason:
      'The gateway does not end the stream of a call before its answer, although 2025-11-25 allows that to servers that expect to be polled: when the server behind it does, the gateway itself comes back for the rest, and its client keeps its stream. The check only says so (INFO), and is not required.',
  },
];
