import type { ExpectedFailure } from './verdict.js';

const late = (check: string): ExpectedFailure => ({
  suite: 'server',
  revision: '2026-07-28',
  way: 'through',
  scenario: 'server-stateless',
  check,
  reason:
    'The suite changes a list several times within seconds and waits a second and a half for the word of it (SHOULD, a warning). The gateway says so when its own catalogue has the change, and looks at a server that changes all the time less and less often. The scenario matrix-list-changed waits for it in all combinations of eras.',
  depends: true,
});

/** What is known to fail, with the reason. An entry that passes fails the run, so that the list never says more than is true. */
export const expectedFailures: readonly ExpectedFailure[] = [
  late('sep-2575-server-sends-tools-list-changed-on-subscription'),
  late('sep-2575-server-sends-prompts-list-changed-on-subscription'),
];
