// Runs beside the code of src/ and dist/ alike, so it is plain JavaScript. One version's module; one question after the other.
import opa from '@open-policy-agent/opa-wasm';
import { workerData } from 'node:worker_threads';

const { port, wasm, data, pages } = workerData;
let loaded;

async function load() {
  loaded = await opa.loadPolicy(wasm, pages);
  loaded.setData(data);
}

const value = (entrypoint, question) => loaded.evaluate(question, entrypoint)[0]?.result;
// The library throws texts and plain objects as well as errors.
const messageOf = (error) => String(error?.message ?? error);

/** Memory that a failure has left half-changed is never evaluated again. */
async function answer({ entrypoint, question }) {
  try {
    if (loaded === undefined) await load();
    const result = value(entrypoint, new TextEncoder().encode(question).buffer);
    return result === undefined ? { failure: `${entrypoint} has no value for this input` } : { result };
  } catch (error) {
    loaded = undefined;
    return { failure: `${entrypoint} failed: ${messageOf(error)}` };
  }
}

function cpu_us() {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

port.on('message', (question) => void answer(question).then((said) => port.postMessage({ ...said, cpu_us: cpu_us() })));

try {
  await load();
  const entrypoints = Object.keys(loaded.entrypoints);
  // Whoever evaluates for the first time pays for the compilation of the code, so that is done here.
  const first = entrypoints.includes('customhouse/arguments') ? value('customhouse/arguments', {}) : undefined;
  port.postMessage({ ready: { entrypoints, arguments: first }, cpu_us: cpu_us() });
} catch (error) {
  port.postMessage({ unusable: messageOf(error), cpu_us: cpu_us() });
}
