# Brings the programs that the bench sets beside Sluicegate, from Debian.
set -eu
missing=
for program in borg rclone zstd; do
  command -v "$program" >/dev/null || missing="$missing $program"
done
test -z "$missing" && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing$missing from Debian ..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    borgbackup rclone zstd >/dev/null
else
  echo "The bench needs$missing; install them with: sudo apt-get install borgbackup rclone zstd" >&2
  exit 1
fi
