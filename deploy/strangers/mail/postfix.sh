# shellcheck shell=bash
# Debian's Postfix; sourced by inside.sh within the unpacked system. Relaying is refused as Debian sets it: 454.
: "${port:?}" "${box_uid:?}"

users() {
  groupadd -r postdrop
  useradd -r -d /var/spool/postfix -s /usr/sbin/nologin postfix
}

start() {
  cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
  sed -i "s/^smtp  *inet/$port inet/" /etc/postfix/master.cf
  cat > /etc/postfix/main.cf <<CF
compatibility_level = 3.7
myhostname = mx.example
maillog_file = /var/log/strangers.log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
mynetworks = 192.0.2.1/32
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
smtpd_recipient_restrictions = check_recipient_access texthash:/state/grey.map
virtual_mailbox_domains = texthash:/state/domains.map
virtual_mailbox_maps = texthash:/state/boxes.map
virtual_mailbox_base = /boxes
virtual_uid_maps = static:$box_uid
virtual_gid_maps = static:$box_uid
CF
  postconf -F '*/*/chroot = n'
  tables
  postfix set-permissions 2> /dev/null || true
  postfix start
}

tables() {
  sed 's/$/ 451 4.7.1 Greylisted, come back later/' /state/grey > /state/grey.map
  sed 's/$/ ours/' /state/domains > /state/domains.map
  sed 's|.*|& &/|' /state/boxes > /state/boxes.map
}

reload() {
  tables
  postfix reload
}
