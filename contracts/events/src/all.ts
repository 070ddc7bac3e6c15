import * as approval from './approval/events.js';
import * as call from './call/events.js';
import type { EventDeclaration } from './catalogue.js';
import * as finding from './finding/events.js';
import * as policy from './policy/events.js';
import * as registry from './registry/events.js';
import * as sealing from './sealing/events.js';
import * as source from './source/events.js';

function isDeclaration(value: unknown): value is EventDeclaration {
  return typeof value === 'object' && value !== null && 'topic' in value && 'upcasters' in value;
}

const declarations = [call, registry, policy, finding, approval, source, sealing].flatMap((context) => Object.values<unknown>(context)).filter(isDeclaration);

/** Every declared event, by type. */
export const catalogue: ReadonlyMap<string, EventDeclaration> = byType(declarations);

function byType(all: readonly EventDeclaration[]): Map<string, EventDeclaration> {
  const found = new Map<string, EventDeclaration>();
  for (const declaration of all) {
    if (found.has(declaration.type)) throw new Error(`the event ${declaration.type} is declared twice`);
    found.set(declaration.type, declaration);
  }
  return found;
}
