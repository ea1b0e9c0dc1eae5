# Brings the container engine that the tests of tests/docker start for themselves, from Debian.
set -eu
command -v dockerd >/dev/null && command -v iptables >/dev/null && command -v ip >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing docker.io from Debian ..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    docker.io iptables iproute2 >/dev/null
else
  echo "A container engine is missing; install it with: sudo apt-get install docker.io iptables" >&2
  exit 1
fi
