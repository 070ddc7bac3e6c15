import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { compilePolicy, hasOwnRego, memoryPages, moduleData, type Policy, type PolicyOptions } from '@customhouse/policy-engine/policy';
import { PolicyModule } from '@customhouse/policy-engine/policy-module';
import { remotePolicy } from '@customhouse/policy-engine/remote-policy';
import { ModuleThreads, type ThreadLimits } from './module-threads.js';

/**
 * Makes a version ready so that it cannot stall who asks it: rules alone are evaluated here, in microseconds, and Rego of its own, which may
 * be any program, in threads and within a time. Rejects with PolicyUnusable.
 */
export async function compileGuarded(version: PolicyVersion, wasm: Uint8Array, limits: ThreadLimits = {}, options: PolicyOptions = {}): Promise<Policy> {
  if (!hasOwnRego(version)) return compilePolicy(version, wasm, options);
  const data = moduleData(version);
  const maximum = options.memory_pages ?? memoryPages;
  await PolicyModule.check(wasm, data, maximum);
  const threads = await ModuleThreads.load(wasm, data, { initial: Math.min(16, maximum), maximum }, limits);
  try {
    return remotePolicy(version, threads, options);
  } catch (error) {
    threads.close();
    throw error;
  }
}
