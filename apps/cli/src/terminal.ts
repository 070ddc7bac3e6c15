import type { Writable } from 'node:stream';

/** What a process has around it. Tests give their own. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly readStdin: () => string;
}

/**
 * Results go to standard output and everything said about them to standard error, so that `customhouse … > file` and
 * `customhouse … --json | jq` get the result alone.
 */
export class Terminal {
  constructor(
    private readonly surroundings: Surroundings,
    readonly json: boolean,
  ) {}

  /** The result: a document with `--json`, otherwise the text. Call it once a command. */
  result(document: unknown, text: () => string): void {
    this.surroundings.stdout.write(this.json ? JSON.stringify(document) + '\n' : text());
  }

  /** One of many results, as they come: a line of JSON, or text. */
  item(document: unknown, text: () => string): void {
    this.result(document, text);
  }

  /** What a person is shown as the result, and a program is not. */
  show(text: string): void {
    this[this.json ? 'note' : 'print'](text);
  }

  private print(text: string): void {
    this.surroundings.stdout.write(text.endsWith('\n') ? text : text + '\n');
  }

  /** Something a person wants to know while or after the command runs; scripts do not need it. */
  note(text: string): void {
    this.surroundings.stderr.write(text.endsWith('\n') ? text : text + '\n');
  }
}
