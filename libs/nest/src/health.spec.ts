import { describe, expect, it } from '@jest/globals';
import { Health } from './health.js';

describe('readiness', () => {
  it('needs every check, and says by name which failed and why', async () => {
    const health = new Health(100);
    health.add('database', async () => undefined);
    health.add('log', () => {
      throw new Error('the log does not answer at kafka://user:secret@host:9092');
    });
    health.add('slow', () => new Promise(() => undefined));
    expect(await health.readiness()).toEqual({
      ready: false,
      checks: {
        database: { status: 'ok' },
        log: { status: 'failed', detail: 'the log does not answer at kafka://host:9092' },
        slow: { status: 'failed', detail: 'no answer within 100 ms' },
      },
    });
  });

  it('ends when the process begins to stop', async () => {
    const health = new Health();
    expect((await health.readiness()).ready).toBe(true);
    health.startStopping();
    expect(await health.readiness()).toMatchObject({ ready: false, checks: { shutdown: { status: 'failed' } } });
  });

  it('is looked at once for all who ask at about the same time, and again later', async () => {
    let looks = 0;
    const health = new Health(100, 50);
    health.add('log', () => void (looks += 1));
    await Promise.all([health.readiness(), health.readiness()]);
    await health.readiness();
    expect(looks).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await health.readiness();
    expect(looks).toBe(2);
  });

  it('does not take two checks of one name', () => {
    const health = new Health();
    health.add('log', () => undefined);
    expect(() => health.add('log', () => undefined)).toThrow('there is a health check log already');
  });
});
