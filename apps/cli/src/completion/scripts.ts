import type { Node } from './tree.js';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** The completion script of a shell. It needs nothing of ours at run time: a start of Node at every Tab would be felt. */
export function completionScript(shell: Shell, nodes: readonly Node[]): string {
  return { bash, zsh, fish }[shell](nodes);
}

function bash(nodes: readonly Node[]): string {
  return `# Completion of customhouse for bash: source it, or put it into a file in
# \${BASH_COMPLETION_USER_DIR:-~/.local/share/bash-completion}/completions/customhouse
_customhouse() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" at="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
${steps(nodes)
  .map(({ pattern, path }) => `      ${quote(pattern)}) at=${quote(path)} ;;\n`)
  .join('')}    esac
  done
  case "$at $prev" in
${values(nodes)
  .map(({ pattern, kind, words }) => `    ${pattern}) ${bashValue(kind, words)}; return ;;\n`)
  .join('')}  esac
  case "$at" in
${nodes.map((node) => `    ${quote(prefixed(node.path))}) words=${quote(wordsOf(node).join(' '))} ;;\n`).join('')}  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _customhouse customhouse
`;
}

function bashValue(kind: string, words: readonly string[]): string {
  if (kind === 'file') return 'COMPREPLY=($(compgen -f -- "$cur"))';
  if (kind === 'folder') return 'COMPREPLY=($(compgen -d -- "$cur"))';
  return `COMPREPLY=($(compgen -W ${quote(words.join(' '))} -- "$cur"))`;
}

function zsh(nodes: readonly Node[]): string {
  return `#compdef customhouse
# Completion of customhouse for zsh: put it as _customhouse into a folder of $fpath, or source it after compinit.
_customhouse() {
  local at="" i
  local -a list
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
${steps(nodes)
  .map(({ pattern, path }) => `      ${quote(pattern)}) at=${quote(path)} ;;\n`)
  .join('')}    esac
  done
  case "$at \${words[CURRENT-1]}" in
${values(nodes)
  .map(({ pattern, kind, words }) => `    ${pattern}) ${zshValue(kind, words)}; return ;;\n`)
  .join('')}  esac
  case "$at" in
${nodes.map((node) => `    ${quote(prefixed(node.path))}) list=(${described(node)}) ;;\n`).join('')}  esac
  _describe customhouse list
}
if [ "$funcstack[1]" = "_customhouse" ]; then _customhouse "$@"; else compdef _customhouse customhouse; fi
`;
}

function zshValue(kind: string, words: readonly string[]): string {
  if (kind === 'file') return '_files';
  if (kind === 'folder') return '_files -/';
  return words.length > 0 ? `compadd -- ${words.map(quote).join(' ')}` : 'true';
}

function described(node: Node): string {
  return offers(node)
    .map(({ name, summary }) => quote(`${name.replaceAll(':', '\\:')}:${summary.replaceAll(':', '\\:')}`))
    .join(' ');
}

function fish(nodes: readonly Node[]): string {
  return `# Completion of customhouse for fish: put it into ~/.config/fish/completions/customhouse.fish
function __customhouse_at
    set -l at ""
    for word in (commandline -opc)[2..-1]
        switch "$at $word"
${steps(nodes)
  .map(({ pattern, path }) => `            case ${quote(pattern)}\n                set at ${quote(path)}\n`)
  .join('')}        end
    end
    test "$at" = "$argv[1]"
end
complete -c customhouse -f
${nodes.map(fishNode).join('')}`;
}

function fishNode(node: Node): string {
  const when = `-n ${quote(`__customhouse_at "${prefixed(node.path)}"`)}`;
  const words = [...node.subcommands, ...node.arguments.map((name) => ({ name, summary: '' }))];
  const lines = words.map(({ name, summary }) => `complete -c customhouse ${when} -a ${quote(name)}${summary ? ` -d ${quote(summary)}` : ''}\n`);
  const options = node.options.map(({ name, summary, choices, value }) => {
    const extra = value === 'file' || value === 'folder' ? ' -r -F' : value === 'other' ? ` -x${choices.length > 0 ? ` -a ${quote(choices.join(' '))}` : ''}` : '';
    return `complete -c customhouse ${when} -l ${name.slice(2)}${extra} -d ${quote(summary)}\n`;
  });
  return [...lines, ...options].join('');
}

/** Which word leads from which command to which. A path is written with a blank before each word, so that none is the beginning of another. */
function steps(nodes: readonly Node[]): { pattern: string; path: string }[] {
  return nodes.flatMap((node) => node.subcommands.map(({ name }) => ({ pattern: `${prefixed(node.path)} ${name}`, path: `${prefixed(node.path)} ${name}` })));
}

/** After which words a value follows, and which. */
function values(nodes: readonly Node[]): { pattern: string; kind: string; words: readonly string[] }[] {
  return nodes.flatMap((node) =>
    node.options.filter(({ value }) => value !== 'none').map(({ name, value, choices }) => ({ pattern: quote(`${prefixed(node.path)} ${name}`), kind: value, words: choices })),
  );
}

function prefixed(path: string): string {
  return path === '' ? '' : ` ${path}`;
}

function offers(node: Node): { name: string; summary: string }[] {
  return [...node.subcommands, ...node.arguments.map((name) => ({ name, summary: name })), ...node.options];
}

function wordsOf(node: Node): string[] {
  return offers(node).map(({ name }) => name);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
