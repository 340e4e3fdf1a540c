# `unshare --mount --pid --fork --mount-proc sh container.sh ROOT NODE ARGUMENT…`: leaves only the programs that a slim
# image has (a shell, coreutils, findutils, grep, sed, util-linux, npm), above all no ps, and becomes node.
set -eu
shift
node=$1
programs="sh bash cat chmod cp cut date dd df dirname basename echo env expr false find flock grep head id kill ln ls
mkdir mkfifo mktemp mount mv nice nohup od printf pwd readlink realpath rm rmdir script sed seq setpriv setsid sleep sort stat stty sync
tail tee test timeout touch tr true tty umount uname uniq wc which xargs yes"

mount --make-rprivate /
stage=$(mktemp -d)
mount -t tmpfs -o mode=755 none "$stage"
for program in $programs; do
  path=$(command -v "$program" || true)
  case $path in /*) cp -L "$path" "$stage/$program" ;; *)
    if [ -x "/usr/bin/$program" ]; then cp -L "/usr/bin/$program" "$stage/$program"; fi ;;
  esac
done
cp -L "$node" "$stage/node"
# npm is a link to a script that finds its parts beside it.
if npm=$(command -v npm); then ln -s "$(readlink -f "$npm")" "$stage/npm"; fi
mkdir "$stage/.nothing"

# Where /bin is a link into /usr it is done by then. From the first bind on, only what was staged can be called.
for directory in /usr/local/bin /usr/local/sbin /usr/sbin /sbin; do
  if [ -d "$directory" ] && [ ! -L "$directory" ]; then mount --bind "$stage/.nothing" "$directory"; fi
done
for directory in /usr/bin /bin; do
  if [ ! -L "$directory" ]; then "$stage/mount" --bind "$stage" "$directory"; fi
done

shift
export PATH=/usr/bin
if command -v ps; then
  echo "ps is still here" >&2
  exit 1
fi
# Not by exec: this shell is the first process here, and has to reap what loses its parent, as `docker run --init` does.
/usr/bin/node "$@"
exit $?
