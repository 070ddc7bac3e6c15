import {
  alreadyDecided,
  digestMismatch,
  fourEyes,
  freshLogin,
  noBreakGlass,
  notEligible,
  nothingToReview,
  notYours,
  reasonNeeded,
  requestExpired,
  reviewOverdue,
  rightUsed,
} from '@customhouse/http-contract/approval';
import { notFound, type ProblemKind } from '@customhouse/http-contract/problem';
import { ProblemError } from '@customhouse/nest/problem';
import { RequestRefused, type RefusalRule } from '../domain/request.js';

const problems: Record<RefusalRule, ProblemKind> = {
  'not-found': notFound,
  'already-decided': alreadyDecided,
  expired: requestExpired,
  'digest-mismatch': digestMismatch,
  'four-eyes': fourEyes,
  'not-eligible': notEligible,
  'right-used': rightUsed,
  'fresh-login': freshLogin,
  'no-break-glass': noBreakGlass,
  'reason-needed': reasonNeeded,
  'review-overdue': reviewOverdue,
  'nothing-to-review': nothingToReview,
  'not-yours': notYours,
};

/** Does it, and says in the words of the control API what the domain refused. */
export async function answering<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RequestRefused) throw new ProblemError(problems[error.rule], error.message, undefined, { cause: error });
    throw error;
  }
}
