import { describe, expect, it } from '@jest/globals';
import { Turns } from './turns.js';

describe('turns', () => {
  it('does one piece of work after the other under one name, in the order it came', async () => {
    const turns = new Turns();
    const seen: string[] = [];
    const piece = (name: string) => async () => {
      seen.push(`${name} begins`);
      await Promise.resolve();
      seen.push(`${name} ends`);
      return name;
    };
    expect(await Promise.all([turns.take('ann', piece('one')), turns.take('ann', piece('two')), turns.take('ann', piece('three'))])).toEqual(['one', 'two', 'three']);
    expect(seen).toEqual(['one begins', 'one ends', 'two begins', 'two ends', 'three begins', 'three ends']);
  });

  it('lets nobody wait for the work of another name', async () => {
    const turns = new Turns();
    let finish = (): void => undefined;
    const slow = turns.take('ann', () => new Promise<void>((resolve) => (finish = resolve)));
    expect(await turns.take('ben', async () => 'done')).toBe('done');
    finish();
    await slow;
  });

  it('goes on after work that failed, which fails for who asked for it only', async () => {
    const turns = new Turns();
    const failing = turns.take('ann', async () => Promise.reject(new Error('mine')));
    const next = turns.take('ann', async () => 'done');
    await expect(failing).rejects.toThrow('mine');
    expect(await next).toBe('done');
  });

  it('remembers no name under which nothing is done any more', async () => {
    const turns = new Turns();
    await Promise.all([turns.take('ann', async () => 1), turns.take('ann', async () => 2), turns.take('ben', async () => 3)]);
    expect(turns.size).toBe(0);
  });
});
