# Makes a Debian root filesystem behave as an official Python image does.
# Arguments: the root, pip's settings, the bundle of certificates, the folder of local ones, and
# files of requirements: their wheels come in, so that no build of the tests needs a network.
set -eu
root=$1 pip=$2 bundle=$3 authorities=$4
shift 4

rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED

# As in the official images, /usr/local/bin has them all.
minor=$(basename "$(readlink -f "$root/usr/bin/python3")")
for name in python python3 "$minor"; do
    ln -s "/usr/bin/$minor" "$root/usr/local/bin/$name"
done
# The pip of some suites has no record of its files, and could not be upgraded.
if ! ls "$root"/usr/lib/python3/dist-packages/pip-*/RECORD > /dev/null 2>&1 &&
    ls -d "$root"/usr/lib/python3/dist-packages/pip-*.dist-info > /dev/null 2>&1; then
    chroot "$root" sh -c '
        wheel=$(ls /usr/share/python-wheels/pip-*.whl)
        python3 "$wheel/pip" install --quiet --no-index --ignore-installed \
            --root-user-action=ignore "$wheel"
    '
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

# What the machine trusts, this root trusts: also after an update-ca-certificates inside.
cp "$pip" "$root/etc/pip.conf"
if [ -d "$authorities" ]; then
    find -L "$authorities" -name '*.crt' -exec cp {} "$root/usr/local/share/ca-certificates/" ';'
fi
if [ -e "$bundle" ]; then
    cp "$bundle" "$root/etc/ssl/certs/ca-certificates.crt"
fi

mkdir "$root/opt/wheels"
for requirements in "$@"; do
    cp "$requirements" "$root/tmp/requirements.txt"
    chroot "$root" python3 -m pip --quiet --disable-pip-version-check --no-cache-dir --retries 10 \
        download --only-binary=:all: --dest /opt/wheels --requirement /tmp/requirements.txt
done
rm -f "$root/tmp/requirements.txt"
printf 'no-index = true\nfind-links = /opt/wheels\n' >> "$root/etc/pip.conf"

find "$root" -xdev -name __pycache__ -prune -exec rm -rf {} +
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/log/*
