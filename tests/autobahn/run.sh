#!/bin/sh
# Runs the client cases 1 to 10 of the Autobahn test suite against the connection layer and prints a
# table; fails if a case fails. tests/autobahn/README.md keeps the last one.
#
# The suite needs Python 2.7: `python2.7` in PATH, under ~/.pyenv, or named by PYTHON2. It is fetched
# from PyPI once, into target/autobahn. Another folder for what cargo builds: CARGO_TARGET_DIR.
set -eu
cd "$(dirname "$0")/../.."
out=target/autobahn

python2=${PYTHON2:-$(command -v python2.7 || ls -d "$HOME"/.pyenv/versions/2.7.*/bin/python2.7 2>/dev/null | tail -n 1 || true)}
if [ -z "$python2" ]; then
    echo "skipped: the Autobahn test suite needs Python 2.7; name one in PYTHON2" >&2
    exit 0
fi
if [ ! -x $out/venv/bin/wstest ]; then
    mkdir -p $out
    "$python2" -m virtualenv --version >/dev/null 2>&1 || "$python2" -m pip install --quiet virtualenv
    "$python2" -m virtualenv --quiet $out/venv
    $out/venv/bin/pip install --quiet autobahntestsuite==25.10.1
fi
python=$PWD/$out/venv/bin/python

cargo build --quiet --release -p tradehook-autobahn
client=${CARGO_TARGET_DIR:-target}/release/tradehook-autobahn

rm -rf $out/reports
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >$out/server.json <<JSON
{"url": "ws://127.0.0.1:$port", "outdir": "$PWD/$out/reports",
 "cases": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"],
 "exclude-cases": [], "exclude-agent-cases": {}}
JSON
"$python" tests/autobahn/server.py -m fuzzingserver -s $out/server.json -u 0 >$out/server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
until "$python" -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; do
    kill -0 $server 2>/dev/null || { cat $out/server.log >&2; exit 1; }
done

"$client" "ws://127.0.0.1:$port"
"$python" tests/autobahn/table.py $out/reports/index.json
