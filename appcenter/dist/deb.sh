#!/bin/sh
# deb.sh BUILD VERSION - makes BUILD/appcenter_VERSION_ARCH.deb of what `make install` has put into BUILD/deb.
#
# dpkg-deb and dpkg-shlibdeps do the work; the libraries that the programs need become the package's Depends.
set -eu
build=$1 version=$2
here=$(dirname "$0")
root=$build/deb
arch=$(dpkg --print-architecture)

# Debian's own places and forms: compressed manuals, the init script as a configuration file.
find "$root/usr/share/man" -type f ! -name '*.gz' -exec gzip -9n {} +
install -d "$root/etc/init.d" "$root/etc/appcenter/appcenter.conf.d" "$root/etc/appcenter/repos.d" \
    "$root/etc/appcenter/publishers.d" "$root/usr/share/doc/appcenter" "$root/DEBIAN"
mv "$root/usr/share/appcenter/appcenterd.init" "$root/etc/init.d/appcenterd"
rmdir "$root/usr/share/appcenter"
gzip -9nc docs/CHANGELOG.md >"$root/usr/share/doc/appcenter/changelog.gz"
install -m 644 README.md docs/api.md docs/keys.md "$root/usr/share/doc/appcenter"
for program in usr/sbin/appcenterd usr/bin/appctl usr/bin/appvendor usr/libexec/appcenter/appcenter-job \
    usr/libexec/appcenter/tools/getcfg; do
    strip --strip-unneeded "$root/$program"
done

# dpkg-shlibdeps wants a source package around it.
mkdir -p "$build/deb-source/debian"
printf 'Source: appcenter\n\nPackage: appcenter\nArchitecture: any\n' >"$build/deb-source/debian/control"
depends=$(cd "$build/deb-source" && dpkg-shlibdeps -O -e"$root/usr/sbin/appcenterd" -e"$root/usr/bin/appctl" \
    -e"$root/usr/bin/appvendor" -e"$root/usr/libexec/appcenter/appcenter-job" \
    -e"$root/usr/libexec/appcenter/tools/getcfg" | sed -n 's/^shlibs:Depends=//p')
rm -r "$build/deb-source"
[ -n "$depends" ] || { echo "deb.sh: dpkg-shlibdeps found no libraries" >&2; exit 1; }

cat >"$root/DEBIAN/control" <<EOF
Package: appcenter
Version: $version
Architecture: $arch
Maintainer: App Center <appcenter@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $depends, bash, passwd, init-system-helpers
Recommends: ca-certificates
Suggests: default-mta | mail-transport-agent
Section: admin
Priority: optional
Description: automatic updates for the apps of a NAS
 App Center installs QPKG apps and keeps them up to date: security fixes at
 once or in a maintenance window, with a way back when an app does not become
 healthy, and always with the reason why something was not installed yet.
 .
 appcenterd is the daemon, appctl its command, appvendor the vendor's tool.
EOF
echo /etc/init.d/appcenterd >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "$here/debian/$script" "$root/DEBIAN/$script"
done
(cd "$root" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\0' | LC_ALL=C sort -z |
    xargs -0 md5sum >DEBIAN/md5sums)
dpkg-deb --root-owner-group -Zxz --build "$root" "$build/appcenter_${version}_$arch.deb"
