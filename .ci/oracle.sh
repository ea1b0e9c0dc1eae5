# Brings Debian's restic, which the tests and the demo use to prove what Sluicegate wrote.
set -eu
command -v restic >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing restic from Debian ..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends restic >/dev/null
else
  echo "restic is missing; install it with: sudo apt-get install restic" >&2
  exit 1
fi
