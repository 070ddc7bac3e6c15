import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { createLogger, describeError, NestLogger, withoutCredentials } from './logger.js';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): Record<string, any> {
  let text = '';
  const destination = new Writable({ write: (chunk: Buffer, _, done) => ((text += chunk.toString()), done()) });
  write(createLogger({ service: 'audit', instance: 'audit-1', level: 'trace', destination }));
  return JSON.parse(text) as Record<string, any>;
}

describe('a log line', () => {
  it('says which service and instance wrote it, when, and how severe it is', () => {
    expect(logged((logger) => logger.warn('careful'))).toMatchObject({
      level: 'warn',
      service: 'audit',
      instance: 'audit-1',
      msg: 'careful',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
  });

  it('has no secret, whatever was given to it', () => {
    const line = logged((logger) =>
      logger.info({
        authorization: 'Bearer chk_1',
        request: { headers: { authorization: 'chk_2', cookie: 'chk_3' } },
        settings: { bootstrapKey: 'chk_4', databaseUrl: 'postgres://u:chk_5@h/d' },
      }),
    );
    expect(JSON.stringify(line)).not.toContain('chk_');
  });

  it('of an error has its causes, and nothing that a driver hung onto it', () => {
    const driver = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (secret)=(hunter2) exists' });
    const error = Object.assign(new Error('query failed', { cause: driver }), { query: 'insert …', parameters: ['hunter2'] });
    const line = logged((logger) => logger.error({ error }, 'failed'));
    expect(line['error']).toMatchObject({ name: 'Error', message: 'query failed', cause: { message: 'duplicate key', code: '23505' } });
    expect(JSON.stringify(line)).not.toContain('hunter2');
  });

  it('of an endless chain of causes ends', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(JSON.stringify(describeError(error)).length).toBeLessThan(20_000);
  });

  it('of Nest has the same form, and what Nest takes for information is debugging', () => {
    expect(logged((logger) => new NestLogger(logger).log('Nest application started', 'NestApplication'))).toMatchObject({
      level: 'debug',
      context: 'NestApplication',
      msg: 'Nest application started',
    });
    expect(logged((logger) => new NestLogger(logger).error(new Error('boom'), 'stack', 'Context'))).toMatchObject({ level: 'error', error: { message: 'boom' } });
  });
});

describe('an address', () => {
  it.each([
    ['postgres://user:pa%40ss@host:5432/db is away', 'postgres://host:5432/db is away'],
    ['kafka://user:secret@a:9092,b:9092', 'kafka://a:9092,b:9092'],
    ['nothing to hide', 'nothing to hide'],
  ])('loses its credentials', (text, expected) => {
    expect(withoutCredentials(text)).toBe(expected);
  });
});
