import { CliProblem } from './problem.js';

export const services = ['ingress', 'policy', 'scanner', 'registry', 'approval', 'audit'] as const;
export type Service = (typeof services)[number];

/** Where the parts of a gateway are reached. */
export interface Place {
  /** Where this was said, for messages: `--api`, `CUSTOMHOUSE_API_URL`, or the path of running.json. */
  readonly source: string;
  /** Base URL of each service's control API; a service that is not there was not named. */
  readonly api: Readonly<Partial<Record<Service, string>>>;
  readonly mcp: string | undefined;
}

/**
 * Reads `http://host:port` (all services behind one address) or `registry=http://…,policy=http://…` (an address for each, as in
 * the compose file). `ingress=` is where agents connect, with or without `/mcp`.
 */
export function parsePlace(text: string, source: string): Place {
  if (!text.includes('=')) {
    const url = baseUrl(text, source);
    return { source, api: Object.fromEntries(services.map((service) => [service, url])), mcp: undefined };
  }
  const api: Partial<Record<Service, string>> = {};
  for (const part of text.split(',').filter((item) => item.trim() !== '')) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(at, 0)).trim();
    if (!isService(name))
      throw new CliProblem('usage', `${source} names the service "${name || part}", which does not exist`, { hint: `The services are ${services.join(', ')}.` });
    api[name] = baseUrl(part.slice(at + 1).trim(), `${source} (${name})`);
  }
  const { ingress, ...others } = api;
  return { source, api: others, mcp: ingress && mcpUrl(ingress) };
}

/** The endpoint for agents: `/mcp` is added where only the address is given. */
export function mcpUrl(text: string, source = 'the MCP address'): string {
  const url = baseUrl(text, source);
  return new URL(url).pathname === '/' ? `${url}/mcp` : url;
}

export function isService(name: string): name is Service {
  return (services as readonly string[]).includes(name);
}

function baseUrl(text: string, source: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new CliProblem('usage', `${source} is "${text}", which is not an http(s) address`, { hint: 'For example http://127.0.0.1:8401' });
  if (url.username || url.password)
    throw new CliProblem('usage', `${source} holds a user name or a password`, { hint: 'Secrets do not belong into an address: use --key-file or CUSTOMHOUSE_KEY.' });
  if (url.search || url.hash) throw new CliProblem('usage', `${source} is "${text}": an address without "?" and "#" is needed`);
  return url.href.replace(/\/+$/, '');
}
