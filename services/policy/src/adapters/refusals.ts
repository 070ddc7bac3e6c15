import { bundleRefused, casesFailed, invalidRules } from '@customhouse/http-contract/policy';
import { conflict, notFound, type ProblemKind } from '@customhouse/http-contract/problem';
import { ProblemError } from '@customhouse/nest/problem';
import { ActivationRefused } from '../domain/activation.js';
import { BundleRefused } from './bundles.js';
import { SourcesInvalid } from './candidates.js';
import { TestsFailed } from './drafting.js';
import { SigningRefused } from './signing.js';

const activations: Record<ActivationRefused['rule'], ProblemKind> = {
  'not-found': notFound,
  'another-version-active': conflict,
  'nothing-before': conflict,
  'too-early': conflict,
  'not-signed': conflict,
};

/** What the API answers to a refusal of this service; any other error as it is. */
export function asProblem(error: unknown): unknown {
  if (error instanceof ActivationRefused) return new ProblemError(activations[error.rule], error.message, undefined, { cause: error });
  if (error instanceof SigningRefused) return new ProblemError(error.rule === 'not-found' ? notFound : conflict, error.message, undefined, { cause: error });
  if (error instanceof SourcesInvalid) return new ProblemError(invalidRules, error.message, [...error.problems], { cause: error });
  if (error instanceof TestsFailed) return new ProblemError(casesFailed, error.message, [...error.problems], { cause: error });
  if (error instanceof BundleRefused) return new ProblemError(bundleRefused, error.message, undefined, { cause: error });
  return error;
}

/** Does the work, with refusals as the API answers them. */
export async function withProblems<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asProblem(error);
  }
}
