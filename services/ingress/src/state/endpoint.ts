/** Which part of the catalogue a client sees, by the path that it uses. At most one of the two is set. */
export interface Endpoint {
  /** `/servers/NAME/mcp`: one server, under its own names. */
  readonly server: string | null;
  /** `/mcp/NAME`: a toolset. With neither of them it is `/mcp`, which has everything. */
  readonly toolset: string | null;
}

/** `/mcp`. */
export const everything: Endpoint = { server: null, toolset: null };

/** Whether names carry the server's name in front. */
export function isShared(at: Endpoint): boolean {
  return at.server === null;
}

/** A text for each endpoint, for looking it up. */
export function endpointKey({ server, toolset }: Endpoint): string {
  return server !== null ? `server/${server}` : toolset !== null ? `toolset/${toolset}` : '';
}
