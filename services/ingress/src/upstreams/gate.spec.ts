import { describe, expect, it } from '@jest/globals';
import { Gate } from './gate.js';

const wanted = (): boolean => false;

describe('the gate before a server', () => {
  it('lets so many in and the next in the order they came', async () => {
    const gate = new Gate(1, 10);
    expect(gate.tryEnter()).toBe(true);
    expect(gate.tryEnter()).toBe(false);
    const order: string[] = [];
    const first = gate.wait(100, wanted).then(() => order.push('first'));
    const second = gate.wait(100, wanted).then(() => order.push('second'));
    gate.leave(0);
    await first;
    gate.leave(0);
    await second;
    expect(order).toEqual(['first', 'second']);
    expect([gate.inside, gate.waiting]).toEqual([1, 0]);
  });

  it('lets nobody overtake those that wait', () => {
    const gate = new Gate(2, 10);
    gate.tryEnter();
    gate.tryEnter();
    void gate.wait(100, wanted);
    gate.leave(0);
    expect(gate.inside).toBe(2);
    expect(gate.tryEnter()).toBe(false);
  });

  it('refuses when too many wait', async () => {
    const gate = new Gate(1, 1);
    gate.tryEnter();
    void gate.wait(100, wanted);
    await expect(gate.wait(100, wanted)).rejects.toMatchObject({ why: 'full' });
  });

  it('lets go of those whose time is over, by a sweep or when their turn comes', async () => {
    const gate = new Gate(1, 10);
    gate.tryEnter();
    const swept = gate.wait(100, wanted);
    const late = gate.wait(300, wanted);
    const intime = gate.wait(1_000, wanted);
    gate.sweep(200);
    await expect(swept).rejects.toMatchObject({ why: 'late' });
    gate.leave(400);
    await expect(late).rejects.toMatchObject({ why: 'late' });
    await intime;
    expect(gate.inside).toBe(1);
  });

  it('lets go of those that no longer want a turn', async () => {
    const gate = new Gate(1, 10);
    gate.tryEnter();
    let cancelled = false;
    const waiting = gate.wait(1_000, () => cancelled);
    cancelled = true;
    gate.sweep(0);
    await expect(waiting).rejects.toMatchObject({ why: 'cancelled' });
    const again = gate.wait(1_000, () => cancelled);
    gate.leave(0);
    await expect(again).rejects.toMatchObject({ why: 'cancelled' });
    expect(gate.inside).toBe(0);
  });
});
