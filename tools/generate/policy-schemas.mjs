// contracts/published/jsonschema/policy-*.json: for editors, and for whoever writes rules with a program.
import { PolicyBundle } from '@customhouse/policy-contract/bundle';
import { PolicyCases } from '@customhouse/policy-contract/cases';
import { PolicyInput } from '@customhouse/policy-contract/input';
import { Decision } from '@customhouse/policy-contract/decision';
import { RuleSet } from '@customhouse/policy-contract/rules';
import { z } from 'zod';

const documents = {
  'policy-rules': { schema: RuleSet, title: 'Customhouse policy rules' },
  'policy-cases': { schema: PolicyCases, title: 'Customhouse policy cases' },
  'policy-input': { schema: PolicyInput, title: 'What a Customhouse policy decides on' },
  'policy-bundle': { schema: PolicyBundle, title: 'A version of a Customhouse policy, as a file' },
  'policy-decision': { schema: Decision, title: 'What a Customhouse policy decided' },
};

export function policySchemas() {
  return new Map(
    Object.entries(documents).map(([name, { schema, title }]) => {
      // The dialect that editors' YAML support understands best.
      const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
      return [`contracts/published/jsonschema/${name}.json`, `${JSON.stringify({ $schema, title, ...rest }, undefined, 2)}\n`];
    }),
  );
}
