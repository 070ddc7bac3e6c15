import { describe, expect, it } from '@jest/globals';
import { ActiveCalls } from './active-calls.js';

class Recorder {
  cancelled = 0;
  cancel(): void {
    this.cancelled += 1;
  }
}

describe('calls in flight', () => {
  it('are limited for all', () => {
    const active = new ActiveCalls({ calls: 2, callsPerPrincipal: 9 });
    active.enter('ada');
    active.enter('bob');
    expect(() => active.enter('eve')).toThrow(expect.objectContaining({ rule: 'too-many-calls' }));
    active.leave('ada');
    active.enter('eve');
    expect(active.size).toBe(2);
  });

  it('are limited for each principal, and one principal takes nothing from another', () => {
    const active = new ActiveCalls({ calls: 9, callsPerPrincipal: 1 });
    active.enter('ada');
    expect(() => active.enter('ada')).toThrow(expect.objectContaining({ rule: 'too-many-calls' }));
    active.enter('bob');
    active.leave('ada');
    active.enter('ada');
  });

  it('take no place of all while they wait for a person, but one of their principal', () => {
    const active = new ActiveCalls({ calls: 1, callsPerPrincipal: 1 });
    active.enter('ada');
    active.rest();
    active.enter('bob');
    expect(() => active.enter('ada')).toThrow('are in flight already');
    active.wake();
    expect(active.size).toBe(2);
  });

  it('are found by session and request id, and 1 is not "1"', () => {
    const active = new ActiveCalls({ calls: 9, callsPerPrincipal: 9 });
    const [one, text, other] = [new Recorder(), new Recorder(), new Recorder()];
    active.register('S', 1, one);
    active.register('S', '1', text);
    active.register('T', 1, other);
    active.cancel('S', 1);
    active.cancel('S', 99);
    expect([one.cancelled, text.cancelled, other.cancelled]).toEqual([1, 0, 0]);
    active.unregister('S', 1, one);
    active.cancel('S', 1);
    expect(one.cancelled).toBe(1);
  });

  it('let go of their own registration only', () => {
    const active = new ActiveCalls({ calls: 9, callsPerPrincipal: 9 });
    const [first, second] = [new Recorder(), new Recorder()];
    active.register('S', 1, first);
    active.register('S', 1, second);
    active.unregister('S', 1, first);
    active.cancel('S', 1);
    expect([first.cancelled, second.cancelled]).toEqual([0, 1]);
  });

  it('are waited for at the end, while no new one is taken', async () => {
    const active = new ActiveCalls({ calls: 9, callsPerPrincipal: 9 });
    active.enter('ada');
    const drained = active.drain(5_000);
    expect(() => active.enter('bob')).toThrow(expect.objectContaining({ rule: 'not-ready' }));
    active.leave('ada');
    await drained;
  });

  it('are cancelled when they take too long at the end', async () => {
    const active = new ActiveCalls({ calls: 9, callsPerPrincipal: 9 });
    active.enter('ada');
    const call = { cancel: () => active.leave('ada') };
    active.register('S', 1, call);
    await active.drain(10);
    expect(active.size).toBe(0);
  });
});
