interface Aimed {
  readonly method: string | null;
  readonly server: string | null;
  readonly tool: string | null;
  /** The name that the client used. */
  readonly exposed?: string | null;
}

/** What a call is aimed at, in one column: a tool by its name, everything else with its method. Null where nothing is known. */
export function targetText({ method, server, tool, exposed }: Aimed): string | null {
  const name = exposed ?? (method === null || isNamed(method) ? joined(server, tool) : tool);
  if (name === null || method === null || method === 'tools/call') return name;
  return `${method} ${name}`;
}

/** Resources are named by their URI, which clients use as it is. */
function isNamed(method: string): boolean {
  return !method.startsWith('resources/');
}

function joined(server: string | null, tool: string | null): string | null {
  return server === null || tool === null ? tool : `${server}__${tool}`;
}
