# `unshare --mount sh lease.sh ROOT PROGRAM ARGUMENT…`: hides the native part of fs-native-extensions, as on a platform that
# it was not built for, and becomes the program.
set -eu
root=$1
shift
mount --make-rprivate /
mount -t tmpfs none "$root/node_modules/fs-native-extensions/prebuilds"
exec "$@"
