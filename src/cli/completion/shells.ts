/** Those that there is a script for. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/*
 * Each script asks holdfast what may come next (`candidates.ts`), so that it need not be made anew when holdfast is. A
 * shell that has HOLDFAST_JSON set wants lines here all the same. bash before 4 has no `compopt`, and completes no files.
 */

const bash = `_holdfast() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o default 2>/dev/null
    else
      COMPREPLY+=("\${line%%$'\\t'*}")
    fi
  done < <(HOLDFAST_JSON=0 command holdfast completion bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _holdfast holdfast
`;

const zsh = `_holdfast() {
  local line
  local -a found
  for line in "\${(@f)$(HOLDFAST_JSON=0 command holdfast completion zsh -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      _files
      return
    fi
    [[ -n $line ]] && found+=("\${\${line//:/\\\\:}/$'\\t'/:}")
  done
  _describe holdfast found
}
compdef _holdfast holdfast
`;

const fish = `function __holdfast_complete
    set -l typed (commandline --current-token)
    set -l before (commandline --current-process --tokenize --cut-at-cursor)
    set -l found (env HOLDFAST_JSON=0 holdfast completion fish -- $before[2..-1] "$typed" 2>/dev/null)
    if test "$found" = :files
        __fish_complete_path "$typed"
    else
        string join \\n -- $found
    end
end
complete --command holdfast --no-files --arguments '(__holdfast_complete)'
`;

/** What a shell reads to complete holdfast's words. */
export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
