# shellcheck shell=bash
# The Rust that the app wants, beside those that there are.

# Of Debian's package rustc, which stays as it is as long as the stack's Debian does.
DEBIAN_RUST=1.85

# is_newer ONE OTHER
is_newer() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | tail -n 1)" = "$1" ]; }

# Sets CHANNEL, of rust-toolchain, CHANNEL_BY, its file, and LEAST, the version that must be there at least.
read_wish() {
  local file
  CHANNEL='' CHANNEL_BY='' LEAST=''
  for file in rust-toolchain rust-toolchain.toml; do
    [ -f "$file" ] || continue
    CHANNEL=$(sed -nE 's/^[[:space:]]*channel[[:space:]]*=[[:space:]]*"([^"]+)".*/\1/p' "$file" | head -n 1) CHANNEL_BY=$file
    # The old form of the file is the channel alone.
    [ -z "$CHANNEL" ] && ! grep -q '[=[]' "$file" && CHANNEL=$(tr -d '[:space:]' <"$file")
    [ -n "$CHANNEL" ] && break
  done
  LEAST=$(sed -nE 's/^[[:space:]]*rust-version[[:space:]]*=[[:space:]]*"([0-9.]+)".*/\1/p' Cargo.toml | head -n 1)
  [[ $CHANNEL =~ ^[0-9]+\.[0-9]+(\.[0-9]+)?$ ]] && { [ -z "$LEAST" ] || is_newer "$CHANNEL" "$LEAST"; } && LEAST=$CHANNEL
  return 0
}

check_version() {
  local version
  version=$(rustc --version | cut -d' ' -f2)
  read_wish
  step "Using Rust $version (Debian package $(rust_package))"
  case $CHANNEL in
    '' | stable | stable-*) ;;
    [0-9]*)
      [[ $version == "$CHANNEL"* ]] || is_newer "$CHANNEL" "$version" || warn "$CHANNEL_BY asks for Rust $CHANNEL: building with Rust $version, which compiles what older ones do"
      ;;
    *) fail "$CHANNEL_BY asks for \"$CHANNEL\", and only stable Rust can be had here: $version. Ask for \"stable\", or build the app with a Dockerfile" ;;
  esac
  if [ -n "$LEAST" ] && is_newer "$LEAST" "$version" && [[ $version != "$LEAST".* ]]; then
    fail "the app asks for Rust $LEAST (rust-version or rust-toolchain), and Debian's newest is $version: lower it if the app does not need more, or build it with a Dockerfile"
  fi
}

rust_package() { dpkg --search "$(readlink -f /usr/bin/rustc)" | cut -d: -f1; }
