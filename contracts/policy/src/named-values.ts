import { z } from 'zod';

/**
 * Values by names that somebody else chooses. A record of zod leaves out a member called `__proto__` without a word, and a rule that has lost a
 * condition is about more calls than it was meant for; so such a name is refused.
 */
export function namedValues<Name extends z.ZodString, Value extends z.ZodType>(name: Name, value: Value) {
  return z.preprocess(
    (given, context) => {
      if (typeof given === 'object' && given !== null && Object.hasOwn(given, '__proto__'))
        context.addIssue({ code: 'custom', path: ['__proto__'], message: 'no name may be __proto__: take another' });
      return given;
    },
    z.record(name, value),
  );
}
