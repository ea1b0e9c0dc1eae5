# Brings the container engine that the tests of tests/docker and tests/deploy start for themselves,
# from Debian, and docker-compose.
set -eu
there=yes
for program in dockerd docker-compose iptables ip; do
  command -v "$program" >/dev/null || there=no
done
[ $there = yes ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing docker.io and docker-compose from Debian ..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    docker.io docker-compose iptables iproute2 >/dev/null
else
  echo "A container engine is missing; install it with: sudo apt-get install docker.io docker-compose iptables" >&2
  exit 1
fi
