# Says what is missing before anything is installed: Python 3.11 with its venv module.
set -eu
python=${1:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "Sluicegate needs Python 3.11 or newer as '$python'; name another with: make PYTHON=/path/to/python3.11" >&2
  exit 1
fi
"$python" -c 'import ensurepip' 2>/dev/null && exit 0
# Debian ships the venv module apart.
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
else
  echo "Python's venv module is missing; install it with: sudo apt-get install python3-venv" >&2
  exit 1
fi
