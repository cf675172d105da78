# shellcheck shell=bash
# Debian's OpenSMTPD; sourced by inside.sh within the unpacked system. It says «550 Invalid recipient» both to
# a recipient that does not exist and to one for whom it does not relay.
: "${port:?}"

users() {
  useradd -r -d /var/lib/opensmtpd/empty -s /usr/sbin/nologin -U opensmtpd
  useradd -r -d /var/lib/opensmtpd/empty -s /usr/sbin/nologin -U opensmtpq
  mkdir -p /var/lib/opensmtpd/empty
  chgrp opensmtpq /usr/sbin/smtpctl
  chmod 2755 /usr/sbin/smtpctl
}

start() {
  cat > /etc/smtpd.conf <<CF
table domains file:/state/domains
table grey file:/state/grey
table boxes file:/state/boxes.map
filter grey phase rcpt-to match rcpt-to <grey> reject "451 4.7.1 Greylisted, come back later"
listen on 127.0.0.1 port $port hostname mx.example filter grey
action box maildir "/boxes/%{rcpt}" virtual <boxes>
match from any for domain <domains> action box
CF
  tables
  smtpd -d > /var/log/strangers.log 2>&1 &
}

tables() {
  sed 's/$/ box/' /state/boxes > /state/boxes.map
}

reload() {
  tables
  for table in domains grey boxes; do smtpctl update table "$table"; done
}
