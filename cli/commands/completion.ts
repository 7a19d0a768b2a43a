import {type Command, UsageError} from '../command.ts';
import {COMMANDS, HIDDEN} from '../table.ts';

export const completion: Command = {
  usage: 'completion bash',
  summary: 'Print a script that makes bash complete commands and names of apps',
  examples: ['source <(flynn completion bash)', 'flynn completion bash > /etc/bash_completion.d/flynn'],

  async run([shell, ...rest], context) {
    if (shell !== 'bash' || rest.length > 0) throw new UsageError(`completion is for bash, not for "${shell ?? ''}"`);
    context.out(script(Object.keys(COMMANDS).filter((name) => !HIDDEN.has(name))));
    return 0;
  },
};

function script(names: readonly string[]): string {
  return `_flynn() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command= at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
      -a | --app | -c | --cluster) ((at++)) ;;
      -*) ;;
      *) command=\${COMP_WORDS[at]}; break ;;
    esac
  done
  local apps='flynn apps --json 2>/dev/null | sed -n "s/^    \\"name\\": \\"\\(.*\\)\\",$/\\1/p"'
  case $before in
    -a | --app) COMPREPLY=($(compgen -W "$(eval "$apps")" -- "$word")); return ;;
  esac
  case $command in
    '' | help) COMPREPLY=($(compgen -W '${names.join(' ')} help' -- "$word")) ;;
    status | info | ps | logs | open) COMPREPLY=($(compgen -W "$(eval "$apps")" -- "$word")) ;;
  esac
}
complete -F _flynn flynn`;
}
