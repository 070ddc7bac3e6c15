import { Injectable, StandardSchemaValidationPipe, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { invalidRequest } from '@customhouse/http-contract/problem';
import { ProblemError } from './problem.js';

type Issues = Parameters<NonNullable<NonNullable<ConstructorParameters<typeof StandardSchemaValidationPipe>[0]>['exceptionFactory']>>[0];

/** Checks parameters, queries and bodies against the schema that the handler names, and answers all faults at once. */
@Injectable()
export class RequestValidation implements PipeTransform {
  private readonly pipes = new Map<string, StandardSchemaValidationPipe>();

  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    const place = metadata.type === 'param' ? 'path' : metadata.type;
    let pipe = this.pipes.get(place);
    if (!pipe) this.pipes.set(place, (pipe = new StandardSchemaValidationPipe({ exceptionFactory: (issues) => refusal(place, issues) })));
    return pipe.transform(value, metadata);
  }
}

function refusal(place: string, issues: Issues): ProblemError {
  const problems = issues.slice(0, 100).map((issue) => {
    const path = (issue.path ?? []).map((segment) =>
      String(typeof segment === 'object' ? segment.key : segment)
        .replaceAll('~', '~0')
        .replaceAll('/', '~1'),
    );
    return { pointer: `/${[place, ...path].join('/')}`, message: issue.message };
  });
  return new ProblemError(invalidRequest, problems.map((problem) => `${problem.pointer}: ${problem.message}`).join('; '), problems);
}
