#!/usr/bin/env bash
# How does OpenSMTPD 6.8.0p2 (Debian 12) refuse a recipient that does not exist?
#
# Where mailboxes stand in a table (`action … virtual <boxes>`), it answers «524 5.2.4 Mailing list expansion problem»:
# the code of a broken mailing list, although there is no list. Where the domain is not its own, it answers «550
# Invalid recipient» without an enhanced code: the words of a wrong address, although it only does not relay.
# Postfix 3.7 says 550 5.1.1 and 454 4.7.1 in these cases, Exim 4.96 says «550 Unrouteable address» and «550 relay
# not permitted».
#
# What follows for us: 5.2.4 for a single recipient means the address, and «550 Invalid recipient» means nothing for
# certain until other letters pass.
#
# Needs root (namespaces, an overlay in memory, users), Debian's packages and python3. Fails when it answers otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p packages/partial layers
apt-get update -qq
apt-get install --download-only --reinstall --no-install-recommends -y -qq -o APT::Sandbox::User=root \
  -o Dir::Cache::archives="$work/packages" -o Debug::NoLocking=1 'opensmtpd=6.8.0p2-*' > /dev/null

cat > inside.sh <<'SH'
set -euo pipefail
ip link set lo up
mount -t tmpfs layers layers
mkdir layers/upper layers/work layers/merged
mount -t overlay copy -o lowerdir=/,upperdir=layers/upper,workdir=layers/work layers/merged
for package in packages/*.deb; do
  dpkg --fsys-tarfile "$package" | tar -x -C layers/merged --keep-directory-symlink
done
mount --bind /dev layers/merged/dev
mount -t proc proc layers/merged/proc
cat > layers/merged/etc/smtpd.conf <<'CF'
table boxes { "client@example.ru" = "box" }
listen on 127.0.0.1 port 2525 hostname mx.example
action box maildir "/boxes/%{rcpt}" virtual <boxes>
match from any for domain "example.ru" action box
CF
chroot layers/merged sh -c '
  mkdir -p /var/lib/opensmtpd/empty
  for name in opensmtpd opensmtpq box; do useradd -r -U -d /var/lib/opensmtpd/empty -s /usr/sbin/nologin "$name"; done
  smtpd' 2> smtpd.log
python3 - <<'PY'
import smtplib
import time
for _ in range(50):
    try:
        server = smtplib.SMTP("127.0.0.1", 2525)
        break
    except OSError:
        time.sleep(0.1)
server.ehlo("school.example")
server.mail("order@school.example")
for address in ("client@example.ru", "nobody@example.ru", "client@elsewhere.example"):
    code, text = server.rcpt(address)
    print(code, text.decode().replace(f": <{address}>", ""))
PY
SH
unshare --mount --net --pid --fork --mount-proc --kill-child bash inside.sh | tee seen.txt
diff seen.txt - <<'SEEN'
250 2.1.5 Destination address valid: Recipient ok
524 5.2.4 Mailing list expansion problem
550 Invalid recipient
SEEN
echo "as stated: an unknown recipient is blamed on a list, a foreign domain on the recipient"
