# Completion of ovlcheck for bash: commands and options as --help tells them, case names, subjects, runs.

_ovlcheck() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
  local words=
  if [ "$COMP_CWORD" = 1 ]; then
    words=$(ovlcheck --help 2>/dev/null | sed -n '/^Subcommands:/,$ s/^  \([a-z][a-z-]*\) .*/\1/p')
  elif [ "$before" = --subject ] || [ "$before" = --against ] || [ "$before" = --exchange ]; then
    words='kernel userlay userlay-fuse fuse-overlayfs unionfs-fuse mergerfs aufs plain'
  elif [ "$before" = --privilege ]; then
    words='auto userns root none'
  elif [ "$before" = --format ]; then
    words='terminal table markdown html svg junit tap csv json'
  elif [ "$before" = --filter ]; then
    words=$(ovlcheck list 2>/dev/null | sed 's|/.*||' | sort -u)
  elif [[ $word == -* ]]; then
    words=$(ovlcheck "$command" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u)
  elif [ "$command" = show ] || [ "$command" = timeline ] || [ "$command" = repro ]; then
    words=$(ovlcheck list 2>/dev/null)
  fi
  if [ -n "$words" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -F _ovlcheck ovlcheck
