import {type Command, UsageError} from '../command.ts';

export const completion: Command = {
  usage: 'completion bash|zsh|fish',
  summary: 'Print a script that makes a shell complete commands, flags and names of apps, services, routes …',
  details: ['What can be completed is asked of `flynn` itself, and names of the cluster.'],
  examples: ['source <(flynn completion bash)', 'flynn completion bash > /etc/bash_completion.d/flynn', 'flynn completion zsh > "${fpath[1]}/_flynn"', 'flynn completion fish > ~/.config/fish/completions/flynn.fish'],

  async run([shell = '', ...rest], context) {
    const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
    if (script === undefined || rest.length > 0) throw new UsageError(`completion is for ${Object.keys(SCRIPTS).join(', ')}, not for "${[shell, ...rest].join(' ')}"`);
    context.out(script);
    return 0;
  },
};

/** Each calls `flynn complete -- <words>`, whose lines are a candidate and, behind a tab, what it is. Without candidates it is the shell's turn: files. */
const SCRIPTS: Readonly<Record<string, string>> = {
  // bash has broken the line at \`:\` and \`=\` already: what stands before the last of them must not come again.
  bash: `_flynn() {
  local line=\${COMP_LINE:0:COMP_POINT} words IFS=$' \\t\\n'
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  local current=\${words[\${#words[@]}-1]} prefix one
  prefix=\${current%"\${current##*[:=]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r one _; do
    COMPREPLY+=("\${one#"$prefix"}")
  done < <("\${words[0]}" complete -- "\${words[@]:1}" 2> /dev/null)
  if [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
}
complete -o default -F _flynn flynn`,

  zsh: `#compdef flynn
_flynn() {
  local -a found
  local line
  while IFS= read -r line; do
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}\${\${(M)line:#*$'\\t'*}:+:\${line#*$'\\t'}}")
  done < <("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2> /dev/null)
  if (( \${#found} )); then
    _describe flynn found
  else
    _files
  fi
}
if [[ \${funcstack[1]} == _flynn ]]; then _flynn "$@"; else compdef _flynn flynn; fi`,

  fish: `function __flynn_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l found (command $words[1] complete -- $words[2..-1] (commandline --current-token --cut-at-cursor) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline --current-token --cut-at-cursor)
    end
end
complete --command flynn --no-files --arguments '(__flynn_complete)'`,
};
