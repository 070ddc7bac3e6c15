import { hash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { EventData } from '@customhouse/events/catalogue';
import { bindingText } from '@customhouse/events/call/binding';
import { callHeld } from '@customhouse/events/call/events';
import { locationOf } from '@customhouse/detectors/walk';
import type { Json } from '@customhouse/kernel/canonical';
import { SEALER } from '@customhouse/nest/tokens';
import { KeyDestroyed, KeyForeign, SealBroken, type Sealer } from '@customhouse/sealing/sealer';
import { APPROVAL_SETTINGS, type ApprovalSettings } from '../config.js';
import { render, type ToShow } from '../domain/rendering.js';

type HeldCall = EventData<typeof callHeld>;

/** What an approver sees, and its SHA-256 (base64url). */
export interface Preview {
  readonly rendering: string;
  readonly complete: boolean;
  readonly preview: string;
}

function nameOfTarget(method: string): string {
  if (method === 'tools/call') return 'tool';
  return method === 'prompts/get' ? 'prompt' : method.startsWith('resources/') ? 'uri' : 'target';
}

/** Opens the stored copy of a held call and shows it. */
@Injectable()
export class Previews {
  constructor(
    @Inject(SEALER) private readonly sealer: Sealer,
    @Inject(APPROVAL_SETTINGS) private readonly settings: ApprovalSettings,
  ) {}

  /** `held`: data of the event as JSON, as it was stored. Throws when it does not fit the event's schema. */
  async of(held: string): Promise<Preview> {
    const call = callHeld.schema.parse(JSON.parse(held));
    const { principal, method, server, generation, tool, definition, decision, approval } = call;
    const facts: ToShow['facts'] = [
      ['method', method],
      [nameOfTarget(method), tool],
      ['definition', definition ?? 'none'],
      ['server', server],
      ['generation', String(generation)],
      ['agent', principal.agent],
      ['person', principal.person],
      ['rules', decision.rules.map((rule) => rule.id).join(', ')],
      ['policy', `${decision.policy.number} (${decision.policy.digest})`],
      ['expires', approval.expires],
      ['binding', approval.binding],
    ];
    const limits = { value_chars: this.settings.shownValue_chars, values_count: this.settings.shownValues_count };
    const credentials = new Set(call.findings.filter(({ rule }) => rule === 'credential').map(({ location }) => location));
    const secret = (path: readonly string[]): boolean => credentials.has(locationOf('arguments', path));
    const { text, complete } = render({ facts, arguments: await this.argumentsOf(call), secret }, (value) => this.sealer.digest(value), limits);
    return { rendering: text, complete, preview: hash('sha256', text, 'base64url') };
  }

  /** Whether the stored copy is what the binding was made over. */
  fits(held: string, binding: string): boolean {
    return this.sealer.digest(bindingText(callHeld.schema.parse(JSON.parse(held)))) === binding;
  }

  private async argumentsOf(call: HeldCall): Promise<ToShow['arguments']> {
    const { digest } = call.arguments;
    try {
      const text = await this.sealer.open(call.arguments);
      if (this.sealer.digest(text) !== digest) return { hidden: 'what was stored does not fit its digest', digest };
      return { opened: JSON.parse(text) as Json };
    } catch (error) {
      if (error instanceof KeyDestroyed) return { hidden: 'the data of the person were erased', digest };
      if (error instanceof SealBroken) return { hidden: 'what was stored was changed', digest };
      if (error instanceof KeyForeign) return { hidden: 'it was sealed under another key-encryption key than this process has', digest };
      throw error;
    }
  }
}
