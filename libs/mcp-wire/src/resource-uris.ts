/**
 * URIs of resources where several servers meet. A URI stays as its server wrote it as long as no other server has it too; else each
 * server's is named `customhouse://SERVER/…`. There are two forms of the rest, and both lead back to the original, character by character:
 * percent-encoded for a URI, and after a second slash as it is for a template, so that what a client makes of the template can be read.
 * The percent-encoded form holds no slash, so the two are never taken for each other.
 */
const scheme = 'customhouse://';
const named = /^customhouse:\/\/([a-z0-9-]{1,32})\/(.*)$/su;

/** The URI under the name of its server. */
export function qualifyUri(server: string, uri: string): string {
  return `${scheme}${server}/${encodeURIComponent(uri)}`;
}

/** The template under the name of its server: expanding it and taking the name off again is the same as expanding the original. */
export function qualifyTemplate(server: string, template: string): string {
  return `${scheme}${server}//${template}`;
}

/** The server and the original of either form; undefined for every other text. */
export function unqualify(text: string): { readonly server: string; readonly uri: string } | undefined {
  const match = named.exec(text);
  if (match === null) return undefined;
  const [, server = '', rest = ''] = match;
  if (rest.startsWith('/')) return rest === '/' ? undefined : { server, uri: rest.slice(1) };
  try {
    const uri = decodeURIComponent(rest);
    // Only what was made here, so that every URI has one such name.
    return uri !== '' && encodeURIComponent(uri) === rest ? { server, uri } : undefined;
  } catch {
    return undefined;
  }
}

export function isQualified(text: string): boolean {
  return text.startsWith(scheme);
}

/** A URI template (RFC 6570) as the texts between its expressions: there is one more of them than expressions. */
export type TemplateParts = readonly string[];

export function takeTemplateApart(template: string): TemplateParts {
  return template.split(/\{[^{}]*\}/);
}

/**
 * Whether the URI may be an expansion of the template. An expression stands for any run of characters here: which server is asked
 * depends on it, and that server looks more closely. Takes time linear in the URI for a given template.
 */
export function mayMatch(parts: TemplateParts, uri: string): boolean {
  const first = parts[0]!;
  if (parts.length === 1) return uri === first;
  const last = parts.at(-1)!;
  const end = uri.length - last.length;
  let at = first.length;
  if (end < at || !uri.startsWith(first) || !uri.endsWith(last)) return false;
  for (const part of parts.slice(1, -1)) {
    const found = uri.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** Whether some URI could match both. May say yes where there is none, never no where there is one. */
export function mayMeet(one: TemplateParts, other: TemplateParts): boolean {
  if (one.length === 1) return mayMatch(other, one[0]!);
  if (other.length === 1) return mayMatch(one, other[0]!);
  const [first, second] = [one[0]!, other[0]!];
  const [last, lastOther] = [one.at(-1)!, other.at(-1)!];
  return (first.startsWith(second) || second.startsWith(first)) && (last.endsWith(lastOther) || lastOther.endsWith(last));
}

/** The scheme that every expansion has, `file:`; undefined where the template leaves it open. */
export function schemeOf(parts: TemplateParts): string | undefined {
  return /^([A-Za-z][A-Za-z0-9+.-]*:)/.exec(parts[0]!)?.[1]?.toLowerCase();
}
