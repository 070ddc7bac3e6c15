/** How the command line ends. Scripts depend on these numbers: they are never given a new meaning. */
export const exits = {
  ok: { code: 0, meaning: 'It worked.' },
  failed: { code: 1, meaning: 'It did not work; the message says why. Also: the tool itself reported an error.' },
  usage: { code: 2, meaning: 'The command line or its input is not valid. Nothing was done.' },
  refused: { code: 3, meaning: 'Policy refused the call, or a person denied it, or nobody decided in time.' },
  pending: { code: 4, meaning: 'The call waits for approval.' },
  unreachable: { code: 5, meaning: 'The gateway, or the part of it that is needed, does not answer.' },
  forbidden: { code: 6, meaning: 'There is no usable key, or the key lacks the role.' },
  interrupted: { code: 130, meaning: 'It was interrupted (Ctrl-C).' },
} as const;
export type Exit = keyof typeof exits;

/** Something that the person at the command line should read: what was wrong, and what to do. Anything else that is thrown is a fault of ours. */
export class CliProblem extends Error {
  override readonly name = 'CliProblem';
  constructor(
    readonly exit: Exit,
    message: string,
    readonly more: { readonly hint?: string; readonly details?: readonly string[]; readonly code?: string; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
  }
}

/** `{"error": …}`, one line, on standard error with `--json`. */
export function problemDocument(problem: CliProblem): unknown {
  const { hint, details, code } = problem.more;
  return { error: { code: code ?? problem.exit, exit: exits[problem.exit].code, message: problem.message, ...(details && { details }), ...(hint && { hint }) } };
}

export function problemText(problem: CliProblem): string {
  const { hint, details = [] } = problem.more;
  return [`error: ${problem.message}`, ...details.map((detail) => `  - ${detail}`), ...(hint ? [hint] : [])].join('\n') + '\n';
}
