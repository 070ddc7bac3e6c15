import { z } from 'zod';

/** RFC 9457 (`application/problem+json`): what every refused or failed request of the control API answers. */
export const Problem = z
  .looseObject({
    /** `urn:customhouse:problem:<code>`. Programs compare this; people read `title` and `detail`. */
    type: z.string(),
    /** The kebab-case code alone. */
    code: z.string(),
    title: z.string(),
    status: z.int().min(400).max(599),
    /** What was wrong this time, and what to do about it. */
    detail: z.string(),
    /** For `invalid-request`: every fault at once, each with a JSON Pointer into the request (`/body/name`). */
    problems: z.array(z.strictObject({ pointer: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

/** One way in which a request can fail. Declared once, listed by the routes that use it, and printed on the reference page of errors. */
export interface ProblemKind {
  /** Kebab-case, the same word in code, answers, metrics and docs. */
  readonly code: string;
  readonly status: number;
  /** The same for every occurrence, as a short phrase. */
  readonly title: string;
  /** One sentence for the reference page: when it happens and what helps. */
  readonly help: string;
}

export function defineProblem<const Kind extends ProblemKind>(kind: Kind): Kind {
  return kind;
}

/** The body of an answer with this problem. */
export function problemBody(kind: ProblemKind, detail: string, problems?: Problem['problems']): Problem {
  const body: Problem = { type: `urn:customhouse:problem:${kind.code}`, code: kind.code, title: kind.title, status: kind.status, detail };
  return problems ? { ...body, problems } : body;
}

/** What any route may answer without listing it: the host of the services makes these. */
export const invalidRequest = defineProblem({
  code: 'invalid-request',
  status: 400,
  title: 'The request is not valid',
  help: 'A path parameter, query parameter or body does not fit the schema. `problems` lists every fault.',
});
export const unauthenticated = defineProblem({
  code: 'unauthenticated',
  status: 401,
  title: 'No usable credential',
  help: 'Send `Authorization: Bearer chk_…` with a key that is neither expired nor revoked.',
});
export const forbidden = defineProblem({
  code: 'forbidden',
  status: 403,
  title: 'The credential may not do this',
  help: 'The key lacks a role that the route asks for. An operator can issue another key.',
});
export const tooLarge = defineProblem({ code: 'too-large', status: 413, title: 'The request is too large', help: 'The body is longer than the limit that `detail` names.' });
export const internal = defineProblem({
  code: 'internal',
  status: 500,
  title: 'An error of ours',
  help: 'The fault is in the gateway, not in the request. The log of the service has the details under the id in `detail`.',
});
export const unavailable = defineProblem({
  code: 'unavailable',
  status: 503,
  title: 'Not ready',
  help: 'The log or the database cannot be reached or is still being read. Nothing was done; try again.',
});

/** For routes to list. */
export const notFound = defineProblem({ code: 'not-found', status: 404, title: 'No such thing', help: 'Nothing has the name or id in the path.' });
export const conflict = defineProblem({
  code: 'conflict',
  status: 409,
  title: 'The present state does not allow this',
  help: 'Somebody or something was faster, or the thing is not in the state that the request needs. `detail` says which.',
});
