import type { Budget } from './credentials.js';
import type { InstructionSignal } from './instruction-signals.js';
import type { RulePack } from './rule-pack.js';

const window = { before: 240, after: 320 };

/** Adds up the weights of the distinct signals in a text. Stops looking when the budget is spent. */
export function instructionScore(pack: RulePack, where: 'definition' | 'result', text: string, budget: Budget): number {
  const fired = new Set<InstructionSignal>();
  let score = 0;
  // A window that was tried around one literal is not tried again around its neighbour.
  const triedUpTo = new Map<InstructionSignal, number>();
  pack.scanner.scan(text, (literal, end) => {
    for (const compiled of pack.rulesOf[literal]!) {
      if (compiled.kind !== 'instruction') continue;
      const { signal } = compiled;
      if (signal[where] === 0 || fired.has(signal) || end < (triedUpTo.get(signal) ?? 0)) continue;
      if (budget.characters < 0) return false;
      const view = fold(text.slice(Math.max(0, end - window.before), end + window.after));
      budget.characters -= view.length;
      triedUpTo.set(signal, end + window.after / 2);
      if (!compiled.pattern.test(view)) continue;
      fired.add(signal);
      score += signal[where];
    }
    return true;
  });
  return score;
}

/** One line of single spaces, with plain quotes: a line break in a sentence must not hide it. */
function fold(text: string): string {
  return text.replace(/(?:\\n|\\t|\s)+/g, ' ').replace(/[\u2018\u2019\u201b]/g, "'");
}
