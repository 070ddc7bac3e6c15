// Says how each scenario ended as soon as it did: a run takes minutes, and Jest waits for the end of the file.
export default class ProgressReporter {
  onTestCaseResult(test, result) {
    const sign = { passed: '✓', failed: '✕' }[result.status] ?? '○';
    process.stderr.write(`${sign} ${result.title} (${result.duration ?? 0} ms)\n`);
    for (const message of result.failureMessages) process.stderr.write(`${message}\n`);
  }
}
