import { visible } from './rendering.js';

/** Text of a page: nothing in it is markup. Also for attribute values in double quotes. */
export function forHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

/**
 * A word or sentence in a text object of Slack: the three characters that Slack gives a meaning are written as it asks for, and what
 * cannot be seen is written out. In `mrkdwn` it would still be formatted: give it to `plain_text` with `emoji: false`.
 */
export function forSlack(text: string): string {
  return entities(visible(text));
}

/** The same, cut off between two characters where it would be longer than Slack takes it. */
export function forSlackWithin(text: string, most: number): string {
  let shown = '';
  for (const character of text) {
    const next = forSlack(character);
    if (shown.length + next.length >= most) return `${shown}…`;
    shown += next;
  }
  return shown;
}

/**
 * A rendering as one code block of Slack's `mrkdwn`, where nothing but the three characters has a meaning. A backtick is written out,
 * so nothing can end the block. The rendering doubles the backslashes of values, so `\u{60}` in it is always ours.
 */
export function forSlackCode(rendering: string): string {
  return `\`\`\`\n${entities(rendering.replaceAll('`', '\\u{60}'))}\n\`\`\``;
}

/**
 * The blocks of at most `most` characters that a rendering makes in Slack, lines kept whole. Undefined when it does not fit into
 * `blocks` of them: a part must not be shown as if it were all.
 */
export function slackCodeBlocks(rendering: string, most: number, blocks: number): readonly string[] | undefined {
  const pages: string[][] = [[]];
  for (const line of rendering.split('\n')) {
    const page = pages.at(-1)!;
    if (forSlackCode([...page, line].join('\n')).length <= most) page.push(line);
    else if (page.length > 0 && pages.length < blocks && forSlackCode(line).length <= most) pages.push([line]);
    else return undefined;
  }
  return pages.map((lines) => forSlackCode(lines.join('\n')));
}

/** https://docs.slack.dev/messaging/formatting-message-text: exactly these three, and nothing else. */
function entities(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
