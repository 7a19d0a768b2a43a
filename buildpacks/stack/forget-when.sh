# The last words of a step that installs packages: the same ones leave the same layer then, without logs, caches, former versions of files, and
# times that say when it was done. `started` is when the step began, `epoch` what newer files get instead, both in seconds.

find /var/log /var/cache/apt /var/cache/debconf /var/cache/ldconfig /var/cache/man /var/lib/apt/lists /run /tmp -xdev -type f -delete
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid- /etc/machine-id /etc/.pwd.lock
find /var/lib/apt /var/lib/dpkg -xdev -name '*-old' -delete

# When a password was last changed, in days: that is the day on which a package made the user.
sed --in-place --regexp-extended "s/^([^:]*:[^:]*):[0-9]+:/\1:$((epoch / 86400)):/" /etc/shadow

# Java's trust store notes for each certificate when it came, and signs it all with a well-known password (JavaKeyStore.java of OpenJDK).
perl -e '
  my $file = "/etc/ssl/certs/java/cacerts";
  open(my $in, "<:raw", $file) or exit 0;
  my $store = do { local $/; <$in> };
  my ($magic, $version, $count) = unpack("NNN", $store);
  exit 0 unless $magic == 0xfeedfeed && $version == 2;
  my $at = 12;
  for (1 .. $count) {
    # Keys are signed otherwise.
    exit 0 unless unpack("N", substr($store, $at, 4)) == 2;
    $at += 6 + unpack("n", substr($store, $at + 4, 2));
    substr($store, $at, 8) = "\0" x 8;
    $at += 10 + unpack("n", substr($store, $at + 8, 2));
    $at += 4 + unpack("N", substr($store, $at, 4));
  }
  $store = substr($store, 0, $at);
  my $password = join("", map { "\0$_" } split(//, "changeit"));
  open(my $signed, ">:raw", "/tmp/signed") or die;
  print $signed $password, "Mighty Aphrodite", $store;
  close($signed);
  my ($digest) = `sha1sum /tmp/signed` =~ /^(\w+)/;
  unlink("/tmp/signed");
  open(my $out, ">:raw", $file) or die;
  print $out $store, pack("H*", $digest);
  close($out) or die;
'

# A second before, because times of files have parts of one.
forget() { find "$1" -xdev -newermt "@$((started - 1))" -print0 | xargs --null --no-run-if-empty touch --no-dereference --date="@$epoch"; }
forget /

# Fonts are looked up by the times of their folders, which are others now.
if command -v fc-cache >/dev/null; then
  fc-cache --system-only --really-force && forget /var/cache
fi
