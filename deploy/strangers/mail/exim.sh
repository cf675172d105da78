# shellcheck shell=bash
# Debian's Exim; sourced by inside.sh within the unpacked system. Texts of its refusals as in Debian's own file.
: "${port:?}"

users() {
  useradd -r -d /var/spool/exim4 -s /usr/sbin/nologin Debian-exim
  mkdir -p /var/spool/exim4 /var/log/exim4
  chown Debian-exim: /var/spool/exim4 /var/log/exim4
}

start() {
  cat > /etc/exim4/exim4.conf <<CF
primary_hostname = mx.example
daemon_smtp_ports = $port
local_interfaces = 127.0.0.1
log_file_path = /var/log/exim4/%slog
tls_advertise_hosts =
host_lookup =
acl_smtp_rcpt = recipient
acl_smtp_data = accept
begin acl
recipient:
  require message = relay not permitted
          domains = lsearch;/state/domains
  defer   message = greylisted, come back later
          condition = \${lookup{\$local_part@\$domain}lsearch{/state/grey}{yes}{no}}
  require verify = recipient
  accept
begin routers
boxes:
  driver = accept
  condition = \${lookup{\$local_part@\$domain}lsearch{/state/boxes.map}{yes}{no}}
  transport = box
begin transports
box:
  driver = appendfile
  directory = /boxes/\${lookup{\$local_part@\$domain}lsearch{/state/boxes.map}}
  create_directory
  maildir_format
  user = box
  group = box
begin retry
* * F,1h,1m
CF
  reload
  exim4 -bd -q1m
}

# Its tables are read again for each letter.
reload() {
  sed 's/.*/&: &/' /state/boxes > /state/boxes.map
}
