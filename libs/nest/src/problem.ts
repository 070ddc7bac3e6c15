import { HttpException } from '@nestjs/common';
import { problemBody, type Problem, type ProblemKind } from '@customhouse/http-contract/problem';

/** A refusal that the client sees as it is: `throw new ProblemError(notFound, 'no call has the id …')`. */
export class ProblemError extends HttpException {
  readonly body: Problem;
  constructor(kind: ProblemKind, detail: string, problems?: Problem['problems'], options?: ErrorOptions) {
    const body = problemBody(kind, detail, problems);
    super(body, kind.status, options);
    this.body = body;
  }
}
