#!/usr/bin/env bash
# Runs one mail server in a private copy of this system: an overlay in memory in which its packages are unpacked
# and its users exist, with a network of its own. Called by mail.sh under `unshare`; everything ends with it.
#   inside.sh SERVER FOLDER PROGRAM       outside the copy: builds it, then plays mail.py
#   inside.sh in-copy SERVER start|reload within it
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export port=2525 box_uid=4711

if [ "$1" = in-copy ]; then
  # shellcheck source=/dev/null
  . "$here/$2.sh"
  if [ "$3" = start ]; then
    groupadd -g "$box_uid" box
    useradd -u "$box_uid" -g box -d /boxes -s /usr/sbin/nologin box
    chown box: /boxes
    users
  fi
  "$3"
  exit
fi

server=$1 folder=$2 program=$3
ip link set lo up
mkdir -p "$folder/layers"
mount -t tmpfs layers "$folder/layers"
cd "$folder/layers"
mkdir upper work root
mount -t overlay copy -o "lowerdir=/,upperdir=upper,workdir=work" root || {
  echo "no overlay can be mounted here, so $server cannot run unpacked: it needs its own paths and users" >&2
  exit 1
}
for package in "$folder"/packages/*.deb; do
  dpkg --fsys-tarfile "$package" | tar -x -C root --keep-directory-symlink
done
mkdir root/state root/boxes
mount --bind /dev root/dev
mount -t proc proc root/proc
mkdir -p "root$here"
mount --bind "$here" "root$here"
python3 "$here/mail.py" "$server" "$folder" "$program" -- chroot root bash "$here/inside.sh" in-copy "$server"
