import { expect, it } from '@jest/globals';
import { ownOpa } from '@customhouse/test-engines/own-engine';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

const policy = `package company.customhouse

default decision := {"effect": "refuse", "reason": "Nobody has allowed this tool."}

decision := {"effect": "allow"} if {
	input.labels == ["read-only"]
	input.arguments["/message"] == "small"
}
`;

const opa = await ownOpa(policy);

(opa === undefined ? it.skip : it)(
  'a real Open Policy Agent allows and refuses calls, and none goes on without it',
  async () => {
    const { url, engine } = opa!;
    const upstream = await MischievousServer.start();
    const gateway = await Gateway.start({
      environment: {
        CUSTOMHOUSE_POLICY_OPA_URL: `${url}/v1/data/company/customhouse/decision`,
        CUSTOMHOUSE_POLICY_OPA_ARGUMENTS: '/message',
        CUSTOMHOUSE_POLICY_OPA_TIMEOUT_MS: '5000',
      },
    });
    try {
      await gateway.addServer('mischief', upstream.transport, ['read-only']);
      const client = new RawClient(gateway.url, { authorization: `Bearer ${await gateway.issueKey()}` });
      await client.initialize();
      const echo = async (message: string): Promise<string> => JSON.stringify(((await client.call('mischief__echo', { message })) as { result: JsonObject }).result);
      expect(await echo('small')).toContain('"small"');
      expect(await echo('large')).toContain('Nobody has allowed this tool. (rule external-policy)');
      await engine.kill();
      expect(await echo('small')).toContain('external-policy-unavailable');
      expect(upstream.callsOf('echo')).toHaveLength(1);
    } finally {
      await gateway.close();
      await upstream.close();
      await engine.remove();
    }
  },
  120_000,
);
