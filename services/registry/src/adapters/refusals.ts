import { conflict, notFound, type ProblemKind } from '@customhouse/http-contract/problem';
import { definitionMismatch } from '@customhouse/http-contract/registry';
import { ProblemError } from '@customhouse/nest/problem';
import { ServerRefused, type RefusalRule } from '../domain/server.js';

const problems: Record<RefusalRule, ProblemKind> = { conflict, 'not-found': notFound, 'definition-changed': definitionMismatch };

/** A refusal of the domain as the API says it; every other error as it is. */
export async function saying<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ServerRefused) throw new ProblemError(problems[error.rule], error.message, undefined, { cause: error });
    throw error;
  }
}
