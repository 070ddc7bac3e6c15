import { afterEach, expect, it, jest } from '@jest/globals';
import type { EventLog } from '@customhouse/event-log/port';
import type { Policy } from '@customhouse/policy-engine/policy';
import type { DataSource } from 'typeorm';
import type { PolicySettings } from '../config.js';
import type { CompiledVersions } from './compiled-versions.js';
import { Shadows } from './shadows.js';

afterEach(() => {
  jest.useRealTimers();
});

const compiled = { of: () => Promise.resolve({} as Policy) } as unknown as CompiledVersions;
const shadows = (ends: EventLog['ends']) => new Shadows({} as DataSource, { ends } as EventLog, compiled, {} as PolicySettings);
const problem = { body: { status: 503, detail: expect.stringContaining('the log does not say where it ends') } };

it('a shadow is not started when the log does not say in time where it ends', async () => {
  jest.useFakeTimers();
  const refused = expect(shadows(() => new Promise(() => undefined)).start(1, 'olga')).rejects.toMatchObject(problem);
  await jest.advanceTimersByTimeAsync(5_000);
  await refused;
});

it('a shadow is not started when the log cannot be reached', async () => {
  await expect(shadows(() => Promise.reject(new Error('no broker'))).start(1, 'olga')).rejects.toMatchObject({ ...problem, cause: new Error('no broker') });
});
