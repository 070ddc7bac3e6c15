// Runs beside the code of src/ and dist/ alike, so it is plain JavaScript.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { brotliDecompressSync } from 'node:zlib';

const compiler = new URL('./opa.wasm.br', import.meta.url);

// `node:wasi` announces that it may change; what is used of it is tested, and the line would be the user's.
process.emitWarning = () => undefined;
const { WASI } = await import('node:wasi');

let module;
let last = Promise.resolve();

/** One run of the program: it has its standard input, output and error, and nothing else of this machine. */
async function run(request) {
  module ??= WebAssembly.compile(brotliDecompressSync(readFileSync(compiler)));
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-rego-'));
  const place = (name) => join(folder, name);
  const open = [];
  try {
    writeFileSync(place('in'), request, { mode: 0o600 });
    open.push(openSync(place('in'), 'r'), openSync(place('out'), 'wx', 0o600), openSync(place('err'), 'wx', 0o600));
    const [stdin, stdout, stderr] = open;
    const wasi = new WASI({ version: 'preview1', args: ['rego'], env: {}, stdin, stdout, stderr, returnOnExit: true });
    const code = wasi.start(await WebAssembly.instantiate(await module, wasi.getImportObject()));
    if (code !== 0) throw new Error(`the compiler ended with ${code}: ${readFileSync(place('err'), 'utf8').slice(0, 2_000)}`);
    return readFileSync(place('out'), 'utf8');
  } finally {
    for (const descriptor of open) closeSync(descriptor);
    rmSync(folder, { recursive: true, force: true });
  }
}

parentPort.on('message', ({ id, request }) => {
  // One at a time: each takes a processor and a good deal of memory.
  last = last
    .then(() => run(request))
    .then(
      (answer) => parentPort.postMessage({ id, answer }),
      (error) => parentPort.postMessage({ id, failure: error instanceof Error ? error.message : String(error) }),
    );
});
