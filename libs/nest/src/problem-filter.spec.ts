import { describe, expect, it } from '@jest/globals';
import { BadRequestException, NotFoundException } from '@nestjs/common';
import { pino } from 'pino';
import { conflict } from '@customhouse/http-contract/problem';
import { LogRefused } from '@customhouse/event-log/sink';
import { problemOf } from './problem-filter.js';
import { ProblemError } from './problem.js';

const logger = pino({ level: 'silent' });
const coded = (code: string, statusCode?: number) => Object.assign(new Error('driver says so'), { code, ...(statusCode === undefined ? {} : { statusCode }) });

describe('what a handler throws', () => {
  it.each<[string, unknown, number, string]>([
    ['a problem of its own', new ProblemError(conflict, 'somebody was faster'), 409, 'conflict'],
    ['an unknown route', new NotFoundException('Cannot GET /x'), 404, 'not-found'],
    ['a malformed request', new BadRequestException('no'), 400, 'invalid-request'],
    ['a body that is too long', coded('FST_ERR_CTP_BODY_TOO_LARGE', 413), 413, 'too-large'],
    ['a body that is no JSON', coded('FST_ERR_CTP_INVALID_JSON_BODY', 400), 400, 'invalid-request'],
    ['a medium that is not taken', coded('FST_ERR_CTP_INVALID_MEDIA_TYPE', 415), 415, 'invalid-request'],
    ['a database that is away', coded('ECONNREFUSED'), 503, 'unavailable'],
    ['a log that refuses', new LogRefused('x'), 503, 'unavailable'],
    ['a bug', new TypeError('hunter2 is not a function'), 500, 'internal'],
  ])('is answered: %s', (_, error, status, code) => {
    expect(problemOf(error, logger)).toMatchObject({ status, code, type: `urn:customhouse:problem:${code}` });
  });

  it('tells nothing of a bug but a number to look for', () => {
    const { detail } = problemOf(new TypeError('hunter2 is not a function'), logger);
    expect(detail).toMatch(/^incident [0-9a-f-]{36}$/);
  });

  it('tells nothing of a database that is away', () => {
    expect(problemOf(coded('ECONNREFUSED'), logger).detail).toBe('the database does not answer');
  });
});
