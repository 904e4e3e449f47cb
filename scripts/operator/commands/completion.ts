import type { Command } from 'commander'
import { Argument } from 'commander'
import type { AddCommands } from '../commands.ts'

/** `path -> words that may follow`, for the program and everything below it. */
export function completionWords(command: Command, path = ''): Map<string, string[]> {
  const words = new Map<string, string[]>()
  const options = command.options.map((option) => option.long).filter((long): long is string => Boolean(long))
  words.set(path, [...command.commands.map((sub) => sub.name()), ...options, '--help'])
  for (const sub of command.commands)
    for (const [below, list] of completionWords(sub, path ? `${path} ${sub.name()}` : sub.name()))
      words.set(below, list)
  return words
}

/** Works after `operator` and after `npm run operator --`; made from the commands themselves, so it cannot go stale. */
export function bashCompletion(program: Command): string {
  const cases = [...completionWords(program)]
    .map(([path, words]) => `    '${path}') words='${words.join(' ')}' ;;`)
    .join('\n')
  return `_securenet_operator() {
  local path='' word words='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in run | operator | --) continue ;; -*) continue ;; esac
    path="\${path:+$path }$word"
  done
  while :; do
    case $path in
${cases}
    esac
    if [ -n "$words" ] || [ -z "$path" ]; then break; fi
    case $path in *' '*) path=\${path% *} ;; *) path='' ;; esac
  done
  if [[ \${COMP_WORDS[0]} == npm && \${COMP_WORDS[2]} != operator ]]; then return; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _securenet_operator operator npm
`
}

export const addCompletionCommand: AddCommands = (program, world) => {
  program
    .command('completion')
    .description('shell completion: source <(npm run -s operator -- completion bash)')
    .addArgument(new Argument('<shell>').choices(['bash']))
    .action(() => world.terminal.out(bashCompletion(program)))
}
