import { describe, expect, it } from '@jest/globals';
import { admitted, call, failed } from '../../test/support/facts.js';
import { evolve, initial } from './call-record.js';
import { prefixQuery, searchWords, wordsOf } from './words.js';

describe('the words of a call', () => {
  it('are those of its names, rules, reasons and messages', () => {
    const words = searchWords([admitted('a'), failed('b')].reduce(evolve, initial(call)));
    expect(words).toEqual(expect.arrayContaining(['transfer', 'money', 'bank', 'claude', 'alice', 'example', 'com', 'leaves', 'house', 'unreachable', 'route']));
  });

  it('are never what is sealed', () => {
    expect(searchWords(evolve(initial(call), admitted('a')))).not.toEqual(expect.arrayContaining(['c2vhbgvk']));
  });

  it('fall apart as people would take names apart, in any script', () => {
    expect(wordsOf('server__readFile-v2', 'Ünïcode 漢字 ﬁne')).toEqual(['server', 'readfile', 'v2', 'ünïcode', '漢字', 'fine']);
  });

  it('are bounded in number and length', () => {
    expect(wordsOf('x'.repeat(1_000))[0]).toHaveLength(64);
    expect(wordsOf(Array.from({ length: 2_000 }, (_, index) => `w${index}`).join(' ')).length).toBeLessThanOrEqual(400);
  });
});

describe('a search by text', () => {
  it('demands the beginning of every word', () => {
    expect(prefixQuery('Transfer mon')).toBe(`'transfer':* & 'mon':*`);
  });

  it.each(['', '   ', `'; drop table calls; --`.replaceAll(/[a-z]/g, ''), '&|!():*<->'])('of %j has no word and matches nothing', (text) => {
    expect(prefixQuery(text)).toBeUndefined();
  });

  it('takes nothing but letters and digits into its query', () => {
    expect(prefixQuery(`it's a 'trap' \\ & ! | (x)`)).toBe(`'it':* & 's':* & 'a':* & 'trap':* & 'x':*`);
  });
});
