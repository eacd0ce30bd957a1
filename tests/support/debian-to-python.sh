# Make a Debian root filesystem behave like an official Python image.
# Arguments: the root, the pip settings, the certificate bundle, the folder of local certificates,
# and requirements files, whose wheels are added so that no test build needs a network; without
# them, the root has its wheels already.
set -eu
root=$1 pip=$2 bundle=$3 authorities=$4
shift 4

mkdir -p "$root/usr/local/bin" "$root/usr/local/share/ca-certificates" "$root/etc/ssl/certs"
rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED

# Trust the certificates of the machine, also after update-ca-certificates runs inside.
cp "$pip" "$root/etc/pip.conf"
if [ -d "$authorities" ]; then
    find -L "$authorities" -name '*.crt' -exec cp {} "$root/usr/local/share/ca-certificates/" ';'
fi
if [ -e "$bundle" ]; then
    cp "$bundle" "$root/etc/ssl/certs/ca-certificates.crt"
fi

# As in the official images, /usr/local/bin has all of these commands.
minor=$(basename "$(readlink -f "$root/usr/bin/python3")")
for name in python python3 "$minor"; do
    ln -s "/usr/bin/$minor" "$root/usr/local/bin/$name"
done
# The pip of some suites lacks a record of its files and could not be upgraded.
if ! ls "$root"/usr/lib/python3/dist-packages/pip-*/RECORD > /dev/null 2>&1 &&
    ls -d "$root"/usr/lib/python3/dist-packages/pip-*.dist-info > /dev/null 2>&1; then
    # Unpacked, not installed: programs of another architecture are slow.
    python3 -m zipfile -e "$(ls "$root"/usr/share/python-wheels/pip-*.whl)" \
        "$root/usr/local/lib/$minor/dist-packages"
fi
for name in pip pip3; do
    rm -f "$root/usr/local/bin/$name"
    cat > "$root/usr/local/bin/$name" <<'END'
#!/usr/local/bin/python
import sys
from pip._internal.cli.main import main
sys.exit(main())
END
    chmod 755 "$root/usr/local/bin/$name"
done

mkdir -p "$root/opt/wheels"
if [ $# -gt 0 ]; then
    mkdir "$root/tmp/requirements"
    for requirements in "$@"; do
        cp "$requirements" "$root/tmp/requirements/$(cksum < "$requirements" | cut -d ' ' -f 1)"
    done
    chroot "$root" sh -c '
        for file in /tmp/requirements/*; do
            set -- "$@" --requirement "$file"
        done
        python3 -m pip --quiet --disable-pip-version-check --no-cache-dir --retries 10 \
            download --only-binary=:all: --dest /opt/wheels "$@"
    ' sh
    rm -r "$root/tmp/requirements"
fi
printf 'no-index = true\nfind-links = /opt/wheels\n' >> "$root/etc/pip.conf"
mkdir -p "$root/etc/uv"
printf 'no-index = true\nfind-links = ["/opt/wheels"]\n' > "$root/etc/uv/uv.toml"

find "$root" -xdev -name __pycache__ -prune -exec rm -rf {} +
# As in the official images, what programs import is compiled: the standard library and pip.
if [ $# -gt 0 ]; then
    chroot "$root" env PYTHONDONTWRITEBYTECODE= sh -c '
        python3 -m pip --disable-pip-version-check check
        python3 -c "import asyncio, email.parser, http.client, http.server, importlib.metadata, ssl"
    '
fi
rm -rf "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/usr/share/doc/* \
    "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/log/*
