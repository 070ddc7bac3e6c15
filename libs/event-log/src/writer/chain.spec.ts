import { describe, expect, it } from '@jest/globals';
import { Chain } from './chain.js';

function advance(chain: Chain, events: number): void {
  for (let index = 0; index < events; index += 1) chain.advance(`hash-${chain.next().sequence}`);
}

describe('a chain', () => {
  it('links each event to the one before', () => {
    const chain = new Chain(1000);
    expect(chain.next()).toEqual({ epoch: '1000', sequence: 1, previous: '' });
    advance(chain, 2);
    expect(chain.next()).toEqual({ epoch: '1000', sequence: 3, previous: 'hash-2' });
  });

  it('goes back when all of a batch was refused', () => {
    const chain = new Chain(1000);
    advance(chain, 2);
    chain.confirm();
    advance(chain, 3);
    chain.rollBack();
    expect(chain.next()).toEqual({ epoch: '1000', sequence: 3, previous: 'hash-2' });
  });

  it('ends its epoch when the fate of a batch is open, and says up to where it held', () => {
    const chain = new Chain(1000);
    advance(chain, 2);
    chain.confirm();
    expect(chain.beginning).toBeUndefined();
    advance(chain, 3);
    chain.breakOff('indeterminate', 3, 5000);
    expect(chain.next()).toEqual({ epoch: '5000', sequence: 1, previous: '' });
    expect(chain.beginning).toEqual({ reason: 'indeterminate', previous: { epoch: '1000', acknowledged: 3, attempted: 5 } });
  });

  it('gives every epoch a larger number, whatever the clock says', () => {
    const chain = new Chain(1000, 2000);
    expect(chain.epoch).toBe('2001');
    chain.breakOff('refused', 1, 1000);
    expect(chain.epoch).toBe('2002');
  });

  it('passes over an epoch of which nothing was acknowledged', () => {
    const chain = new Chain(1000);
    advance(chain, 1);
    chain.confirm();
    advance(chain, 1);
    chain.breakOff('indeterminate', 1, 2000);
    advance(chain, 1);
    chain.breakOff('indeterminate', 0, 3000);
    expect(chain.beginning).toEqual({ reason: 'indeterminate', previous: { epoch: '1000', acknowledged: 1, attempted: 2 } });
  });

  it('still begins with a start when its very first event had no known fate', () => {
    const chain = new Chain(1000);
    advance(chain, 1);
    chain.breakOff('indeterminate', 0, 2000);
    expect(chain.beginning).toEqual({ reason: 'start', previous: null });
  });

  it('leaves out what cannot be sent after all', () => {
    const chain = new Chain(1000);
    advance(chain, 1);
    const mark = chain.mark();
    advance(chain, 2);
    chain.reset(mark);
    expect(chain.next()).toEqual({ epoch: '1000', sequence: 2, previous: 'hash-1' });
  });
});
