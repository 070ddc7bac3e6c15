import { expect, it } from '@jest/globals';
import { explanation } from './explanation.js';

it('an explanation names the rules that decided, with their reasons, and no others', () => {
  const rules = [
    { id: 'secrets', effect: 'refuse' as const, reason: 'A secret.' },
    { id: 'hidden', effect: 'refuse' as const, reason: 'Hidden text.' },
    { id: 'reads', effect: 'allow' as const, reason: 'It reads.' },
  ];
  expect(explanation({ effect: 'refuse', rules, obligations: {}, policy: { number: 1, digest: 'd' } })).toBe('A secret. (rule secrets) Hidden text. (rule hidden)');
});
