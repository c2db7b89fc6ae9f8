#include "harness/report/repro/script_text.h"

namespace ovlcheck {

const char* const script_heading = R"sh(# How to run it:  sh THIS_FILE [--userns] [--dir DIR]
#
# As root, or as anybody who may have user namespaces (unshare -Urm). It works in a mount namespace and on a
# tmpfs of its own, and leaves nothing behind. --userns: in a user namespace even if run by root;
# --dir DIR: on the file system of DIR instead of a tmpfs.
# It ends with a line that begins with VERDICT, and with status 0 if all is as expected, 1 if it deviates,
# 2 if it cannot be run here. First it builds the layers with plain commands, then it mounts and performs
# the steps in Python, where descriptors can be kept and every system call be made; the steps are at the end.
)sh";

const char* const script_start = R"sh(
set -eu

cannot() {
  echo "VERDICT: cannot run here: $*"
  building=no
  exit 2
}

need() {
  command -v "$1" >/dev/null || cannot "there is no program $1 (package $2)"
}

# ---- Starts itself again in namespaces of its own.
if [ "${1-}" != --inside ]; then
  userns=@USERNS@ base=
  while [ $# -gt 0 ]; do
    case $1 in
      --userns) userns=yes ;;
      --dir) [ $# -gt 1 ] || cannot "--dir needs a directory"; base=$(cd "$2" && pwd); shift ;;
      *) echo "usage: sh $0 [--userns] [--dir DIR]" >&2; exit 2 ;;
    esac
    shift
  done
  [ -r "$0" ] || cannot "save this script to a file: it has to start itself again"
  namespaces=-m
  [ "$(id -u)" = 0 ] || namespaces=-Urm
  unshare $namespaces true 2>/dev/null || cannot "unshare $namespaces is not allowed; run it as root"
  dir=$(mktemp -d "${base:-/tmp}/repro.XXXXXX")
  trap 'rm -f "$dir/ready" "$dir/go"; rmdir "$dir"' EXIT
  trap 'exit 2' HUP INT TERM
  status=0
  if [ $userns = yes ] && [ $namespaces = -m ] && grep -qw 4294967295 /proc/self/uid_map; then
    # Root may map more user ids than one, but has to do it from outside.
    mkfifo "$dir/ready" "$dir/go"
    unshare -Um sh -c 'echo $$ >"$1/ready"; read -r _ <"$1/go"; exec sh "$0" --inside "$1" "$2"' "$0" "$dir" "$base" &
    read -r inside <"$dir/ready"
    echo 0 0 65536 >"/proc/$inside/uid_map"
    echo 0 0 65536 >"/proc/$inside/gid_map"
    echo >"$dir/go"
    wait $! || status=$?
  else
    unshare $namespaces sh "$0" --inside "$dir" "$base" || status=$?
  fi
  exit $status
fi

dir=$2 base=$3 building=yes
umask 022
cd "$dir"
at_end() {
  status=$?
  [ $building = no ] || { echo "VERDICT: cannot run here: the layers cannot be built"; status=2; }
  umount -l "$dir/merged" 2>/dev/null || :
  cd /
  rm -rf "$dir"/*
  exit $status
}
trap at_end EXIT
[ -n "$base" ] || mount -t tmpfs -o mode=0755 repro "$dir" || cannot "no tmpfs can be mounted"
cd "$dir"
if grep -qw 4294967295 /proc/self/uid_map; then
  privilege=root overlay=trusted.overlay.
else
  privilege=userns overlay=user.overlay.
fi
read -r _ _ ids </proc/self/uid_map
filesystem=$(stat -f -c %T .)
[ "$filesystem" != ext2/ext3 ] || filesystem=ext4
export privilege overlay filesystem PYTHONUTF8=1
)sh";

const char* const script_steps = R"sh(
# ---- Mounting and the steps.
building=no
status=0
python3 - )sh";

const char* const script_end = R"sh([ $status != 10 ] || exit 1
[ $status = 0 ] || exit 2
)sh";

const char* const script_settings =
    R"py(PRIVILEGE, FILESYSTEM, OVERLAY = (os.environ[name] for name in ("privilege", "filesystem", "overlay"))
USERXATTR = "" if PRIVILEGE == "root" else ",userxattr"
)py";

}  // namespace ovlcheck
