#!/usr/bin/env bash
# Manual pages and completions, as man and real shells take them: usage_test.sh SHARE LEVIT PACK_WEIGHTS
set -euo pipefail

share=$(realpath "$1")
levit=$(realpath "$2")
pack_weights=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

# The flags that a help shows, and all in a page; a line each.
flags_of() { sed -n '/^Options:/,/^$/p' | awk '/^  -/ {print $1}' | tr ',' '\n' | sort -u; }
flags_in() { grep -oE -- '(^|[ ,])--?[a-z0-9][a-z0-9-]*' | tr -d ' ,' | sort -u; }

pages=("$share"/man/man1/*.1)
((${#pages[@]} == 9)) || fail "there are ${#pages[@]} manual pages: one of levit and of each of its seven commands, pack_weights"
for page in "${pages[@]}"; do
  mandoc -Tlint -W warning "$page" || fail "mandoc complains"
  complaints=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
  [[ -z $complaints ]] || fail "man complains of $page: $complaints"
  name=$(basename "$page" .1)
  case $name in
    pack_weights) help=$("$pack_weights" --help) ;;
    levit) help=$("$levit" --help) ;;
    *) help=$("$levit" "${name#levit-}" --help) ;;
  esac
  missing=$(comm -23 <(flags_of <<<"$help") <(mandoc -Tascii "$page" | col -b | flags_in))
  [[ -z $missing ]] || fail "$name.1 does not know ${missing//$'\n'/ }"
done
echo "${#pages[@]} manual pages without a warning, with every flag of --help"

# Help fits the terminal, and is whole: the words are those of a pipe, whose lines are not folded.
for width in 40 60 80; do
  for command in classify finetune; do
    COLUMNS=$width "$levit" "$command" --help >"$work/folded"
    ! grep -nE "^.{$((width + 1)),}" "$work/folded" | grep -vE '^[0-9]+: *[^ ]+$' || fail "help is wider than $width columns"
    diff <(tr -s ' \n' '\n' <"$work/folded") <(env -u COLUMNS "$levit" "$command" --help | tr -s ' \n' '\n') || fail "help lacks words"
  done
done
(($(env -u COLUMNS "$levit" classify --help | wc -L) > 200)) || fail "the lines of a pipe are folded"

# What TAB makes of words; then the line is run by a function of the program's name, which prints what it got.
cd "$work"
touch 'photo one.jpg'
mkdir dir
type_at() { # SHELL COMMAND FIRST_LINE
  {
    echo "PS1=; $3; levit() { printf '<%s>' \"\$@\"; echo; }; pack_weights() { levit \"\$@\"; }"
    printf '%s\n' $'levit cla\t pho\t' $'levit explain --resi\tt\t --output di\t' $'levit bench --grad\tpho\tx' \
      $'levit info -- pho\t' $'pack_weights --dt\tf3\tpho\t' exit
  } | TERM=dumb script -qec "$2" /dev/null | tr -d '\r' | grep -aE '^<.*>$' |
    sed -E 's,/>,>,; s,(<--[a-z]+)=,\1><,' >"$work/$1.out" || true
  diff -u - "$work/$1.out" <<'END' || fail "$1 completes otherwise"
<classify><photo one.jpg>
<explain><--resize><timm><--output><dir>
<bench><--gradient><phox>
<info><--><photo one.jpg>
<--dtype><f32><photo one.jpg>
END
}
bash_files=$share/bash-completion/completions
zsh_files=$share/zsh/site-functions
type_at bash 'bash --norc --noprofile -i' ". $bash_files/levit; . $bash_files/pack_weights"
type_at zsh 'zsh -f -i' "autoload -U compinit; compinit -D; . $zsh_files/_levit; . $zsh_files/_pack_weights"

# Every flag of every command is offered in bash.
# shellcheck disable=SC1091
. "$bash_files/levit"
for command in classify explain evaluate attack finetune info bench; do
  COMP_WORDS=(levit "$command" -) COMP_CWORD=2
  _levit
  shown=$("$levit" "$command" --help | flags_of)
  [[ -n $shown ]]
  missing=$(comm -23 - <(printf '%s\n' "${COMPREPLY[@]}" | sort) <<<"$shown")
  [[ -z $missing ]] || fail "bash is not offered ${missing//$'\n'/ }"
done
echo "bash and zsh complete commands, flags, choices, files and directories"

fish_says() { fish -c ". $share/fish/vendor_completions.d/levit.fish; complete -C '$1'" | cut -f 1 | tr '\n' ' '; }
fish --no-execute "$share"/fish/vendor_completions.d/*.fish
[[ $(fish_says 'levit cla') == 'classify ' ]] || fail "fish: $(fish_says 'levit cla')"
[[ $(fish_says 'levit explain --resize ') == 'hf squash timm ' ]] || fail "fish: $(fish_says 'levit explain --resize ')"
[[ $(fish_says 'levit explain --output ') == 'dir/ ' ]] || fail "fish: $(fish_says 'levit explain --output ')"
[[ -z $(fish_says 'levit bench p') ]] || fail "fish offers bench files"
echo "fish completes them too"
