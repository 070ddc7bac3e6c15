// The MCP reference server over Streamable HTTP on PORT (default 3001), as a first upstream to put behind the gateway.
process.argv[2] = 'streamableHttp';
process.env.PORT ??= '3001';
await import('@modelcontextprotocol/server-everything/dist/index.js');
